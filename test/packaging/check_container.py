#!/usr/bin/env python3
"""Check what a machine without a container engine can check of worker/Containerfile and compose.yaml.  TAP on stdout.

Every path that the Containerfile copies exists, every stage that it names is there, the scripts parse, the packages are
those of test/support/packages.sh, and compose.yaml names targets, networks, volumes and secrets that exist.
"""

import json
import pathlib
import re
import subprocess
import sys

try:
    import yaml
except ImportError:
    yaml = None

ROOT = pathlib.Path(__file__).resolve().parents[2]
results = []


def check(name, passed, reason=""):
    """Record one result; the reason is shown when it failed."""
    results.append(bool(passed))
    print(f"{'ok' if passed else 'not ok'} {len(results)} - {name}")
    if not passed and reason:
        print(f"# {reason}")


def instructions(text):
    """Give the instructions of a Containerfile with continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [line.split() for line in joined.splitlines() if line.strip()]


def check_containerfile():
    parsed = instructions((ROOT / "worker" / "Containerfile").read_text())
    stages = [words[3] for words in parsed if words[0] == "FROM" and len(words) == 4 and words[2] == "AS"]
    check("Containerfile: stages build, postgres, worker, gateway", stages == ["build", "postgres", "worker", "gateway"], str(stages))
    for words in (words for words in parsed if words[0] == "COPY"):
        if words[1].startswith("--from="):
            check(f"Containerfile: {' '.join(words)}: the stage exists", words[1][len("--from="):] in stages)
        else:
            missing = [path for path in words[1:-1] if not (ROOT / path).exists()]
            check(f"Containerfile: {' '.join(words)}: the paths exist", not missing, f"missing: {missing}")

    packages = (ROOT / "test" / "support" / "packages.sh").read_text()
    wanted = re.search(r"printf '%s\\n' ca-certificates (.*?)\n    case", packages, re.S)
    wanted = re.sub(r"\$major", "15", wanted[1]) if wanted else ""
    needed = {name.strip('"') for name in wanted.replace("\\", " ").split()} - {"postgresql-15"}
    build = " ".join(next(words for words in parsed if words[0] == "RUN"))
    missing = {name for name in needed if not re.search(rf"(?<!\S){re.escape(name)}(?!\S)", build)}
    check("Containerfile: builds with the packages of packages.sh", needed and not missing, f"missing: {missing}")
    return stages


def check_compose(stages):
    compose = yaml.safe_load((ROOT / "worker" / "compose.yaml").read_text())
    services = compose["services"]
    check("compose: services postgres, worker and gateway", set(services) == {"postgres", "worker", "gateway"})
    for name, service in services.items():
        build = service["build"]
        context = ROOT / "worker" / build["context"]
        check(f"compose: {name} builds a target that exists", build["target"] in stages)
        check(f"compose: {name} finds its Containerfile", (context / build["dockerfile"]).is_file())
        check(f"compose: {name} has a health check", "test" in service["healthcheck"])
        for kind in ("networks", "secrets"):
            unknown = set(service.get(kind, [])) - set(compose[kind])
            check(f"compose: {name} uses {kind} that exist", not unknown, f"unknown: {unknown}")
        volumes = {volume.split(":")[0] for volume in service.get("volumes", [])}
        check(f"compose: {name} uses volumes that exist", volumes <= set(compose["volumes"]))
        check(f"compose: {name} waits for services that exist", set(service.get("depends_on", {})) <= set(services))
    check("compose: secrets come from files", all("file" in secret for secret in compose["secrets"].values()))


def main():
    stages = check_containerfile()
    if yaml is None:
        print("# compose.yaml not read: no python3-yaml here")
    else:
        check_compose(stages)
    folder = ROOT / "worker" / "container"
    for script in sorted(folder.glob("*.sh")):
        parsed = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
        check(f"{script.name} parses", parsed.returncode == 0, parsed.stderr)
    for name, members in (("worker.json", {"database", "key_file"}), ("gateway.json", {"database", "listen"})):
        config = re.sub(r"^\s*//.*$", "", (folder / name).read_text(), flags=re.M)
        try:
            check(f"{name} has {' and '.join(sorted(members))}", members <= set(json.loads(config)))
        except ValueError as error:
            check(f"{name} is JSON with comments", False, str(error))
    print(f"1..{len(results)}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
