"""Hold an OpenAPI 3.1 document against the standard. check.py DOCUMENT

Prints one line per fault and, last, the number of operations. The routes named, one "METHOD PATTERN" a line on standard
input, must be the operations of the document.
"""
import json
import pathlib
import re
import sys

from jsonschema import Draft202012Validator

here = pathlib.Path(__file__).parent
document = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"))
wanted = {tuple(line.split()) for line in sys.stdin.read().splitlines() if line}
faults = []

standard = json.loads((here / "schema-3.1.json").read_text("utf-8"))
for error in Draft202012Validator(standard).iter_errors(document):
    faults.append(f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}")


def resolve(reference):
    place = document
    for part in reference.removeprefix("#/").split("/"):
        place = place[part.replace("~1", "/").replace("~0", "~")]
    return place


def walk(place, path):
    if isinstance(place, dict):
        for name, value in place.items():
            if name == "$ref":
                try:
                    resolve(value)
                except KeyError:
                    faults.append(f"{path}: nothing at {value}")
            elif name == "schema" or path.endswith("/components/schemas"):
                try:
                    Draft202012Validator.check_schema(value)
                except Exception as fault:
                    faults.append(f"{path}/{name}: {str(fault).splitlines()[0]}")
            walk(value, f"{path}/{name}")
    elif isinstance(place, list):
        for i, value in enumerate(place):
            walk(value, f"{path}/{i}")


walk(document, "")

seen = {}
served = set()
tags = {tag["name"] for tag in document["tags"]}
for pattern, item in document["paths"].items():
    for method, operation in item.items():
        name = f"{method.upper()} {pattern}"
        served.add((method.upper(), pattern))
        if operation["operationId"] in seen:
            faults.append(f"{name}: has the operationId of {seen[operation['operationId']]}")
        seen[operation["operationId"]] = name
        parameters = [resolve(p["$ref"]) if "$ref" in p else p for p in operation["parameters"]]
        in_path = [p["name"] for p in parameters if p["in"] == "path"]
        if in_path != re.findall(r"\{(.*?)\}", pattern):
            faults.append(f"{name}: names {in_path} in its path")
        places = [(p["in"], p["name"]) for p in parameters]
        if len(places) != len(set(places)):
            faults.append(f"{name}: a parameter twice")
        statuses = set(operation["responses"])
        if not any(status.startswith("2") for status in statuses) and "501" not in statuses:
            faults.append(f"{name}: tells no answer that is good")
        if not set(operation["tags"]) <= tags:
            faults.append(f"{name}: a tag that the document does not list")
        if not operation["summary"].endswith(".") or not operation.get("description"):
            faults.append(f"{name}: no summary or description")
for method, pattern in wanted ^ served:
    faults.append(f"{method} {pattern}: either in the routes or in the document, not both")

print("\n".join(faults + [f"{len(served)} operations"]))
sys.exit(bool(faults))
