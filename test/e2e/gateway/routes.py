#!/usr/bin/env python3
"""Call every route of the gateway over HTTP.

routes.py URL ROUTES KEY IDS --table CRON       each route once by curl, with ids of the caller's own: print method, path, status
routes.py URL ROUTES KEY IDS --compare CRON      each route with ids of another organisation, and with unknown ones: the
                                                answers must be the same byte by byte, but for the id

ROUTES: JSON array of rows of sentinel.http_routes. IDS: JSON object, kind of thing -> id.
CRON: the cron secret. The last line is `N passed, N failed`.
"""
import http.client
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import uuid
from urllib.parse import quote, urlsplit

OWN_WORDS = {"format": "json", "queue": "default", "view": "pipeline", "procedure": "x", "action": "compute", "kind": "lead",
             "field": "stage", "provider": "hubspot", "machine": "lead", "name": "x", "rule": "x"}

# What an id means under some first words.
NARROWER = {("slack", "target_id"): "slack_channel_id"}


def sample(schema, name, ids):
    """A value that a schema takes; ids come from ids."""
    if schema.get("format") == "uuid":
        return ids(name)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "array":
        return [sample(schema.get("items", {}), name, ids)]
    if kind in ("integer", "number"):
        return 1
    if kind == "boolean":
        return False
    if kind == "object":
        return {}
    if schema.get("format") == "date-time":
        return "2026-03-31T09:30:00Z"
    if schema.get("format") == "email":
        return "someone@sample.example"
    return "sample"


class Caller:
    def __init__(self, url, key, cron):
        self.host = urlsplit(url).netloc
        self.key = key
        self.cron = cron
        self.link = None

    def ask(self, method, path, body, media):
        headers = {"Authorization": "Bearer " + (self.cron if "/cron/" in path else self.key), "X-Request-Id": "the-same"}
        if media:
            headers["Content-Type"] = media
        for attempt in range(3):
            try:
                if self.link is None:
                    self.link = http.client.HTTPConnection(self.host, timeout=30)
                self.link.request(method, path, body=body, headers=headers)
                answer = self.link.getresponse()
                content = answer.read()
                if answer.headers.get("Connection", "").lower() == "close":
                    self.link = None
                kept = sorted((n.lower(), v) for n, v in answer.headers.items()
                              if n.lower() not in ("date", "connection") and not n.lower().startswith("ratelimit"))
                return answer.status, kept, content
            except (http.client.HTTPException, OSError):
                self.link = None
                if attempt == 2:
                    raise
                time.sleep(0.1)


class Curl(Caller):
    """The same by curl, a process for each request."""

    def ask(self, method, path, body, media):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                ["curl", "-sS", "-m", "30", "-g", "--path-as-is", "-X", method, "-D", f"{folder}/head", "-o", f"{folder}/body", "-w", "%{http_code}",
                 "-H", "Authorization: Bearer " + (self.cron if "/cron/" in path else self.key), "-H", "X-Request-Id: the-same", "-H", "Expect:"]
                + (["-H", "Content-Type: " + media, "--data-binary", "@-"] if media else []) + [f"http://{self.host}{path}"],
                input=body, capture_output=True, check=True)
            with open(f"{folder}/head", encoding="latin-1") as f:
                lines = f.read().splitlines()[1:]
            headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines if ":" in line]
            body_file = pathlib.Path(folder, "body")
            return int(done.stdout), [(n.lower(), v) for n, v in headers], body_file.read_bytes() if body_file.exists() else b""


def request(route, ids):
    """Path, body and media type of a call of a route."""
    path = re.sub(r"\{(\w+)\}", lambda m: quote(ids(NARROWER.get((route["pattern"].split("/")[1], m.group(1)), m.group(1))) if m.group(1).endswith("_id") else OWN_WORDS.get(m.group(1), "x"), safe=""),
                  route["pattern"])
    query = [(p["name"], sample(p["schema"], p["name"], ids)) for p in route["query_parameters"]
             if p["required"] or p["schema"].get("format") == "uuid" and ids.fill_queries]
    if query:
        path += "?" + "&".join(f"{n}={quote(str(v))}" for n, v in query)
    schema = route["request_schema"]
    if schema is None:
        return path, None, None
    if "contentType" in schema:
        return path, b"name,email\nSample,sample@sample.example\n" if "csv" in schema["contentType"] else b"{}", schema["contentType"].split(",")[0]
    members = {n: sample(s, n, ids) for n, s in schema.get("properties", {}).items()
               if n in schema.get("required", []) or ids.fill_bodies and (s.get("format") == "uuid" or s.get("items", {}).get("format") == "uuid")}
    return path, json.dumps(members).encode(), "application/json"


class Ids:
    def __init__(self, known, fill):
        self.known = known
        self.fill_bodies = self.fill_queries = fill

    def __call__(self, name):
        name = {"assigned_to_id": "member_id", "heir": "member_id", "master_id": "lead_id", "duplicate_id": "lead_id"}.get(name, name)
        name = re.sub(r"s$", "", name)
        return self.known.get(name) or self.known.get("any")


class Unknown(Ids):
    """The same ids as another, each replaced by one that nobody has."""

    def __init__(self, other):
        super().__init__({}, other.fill_bodies)
        self.other = other
        self.replaced = {}

    def __call__(self, name):
        real = self.other(name)
        if real not in self.replaced:
            self.replaced[real] = str(uuid.uuid4())
        return self.replaced[real]


def table(caller, routes, known):
    bad = []
    print("| method | path | who | status |\n|---|---|---|---|")
    # What is read is read before others change it.
    for route in sorted(routes, key=lambda r: ("GET", "POST", "PATCH", "PUT", "DELETE").index(r["method"])):
        path, body, media = request(route, Ids(known, False))
        status, headers, content = caller.ask(route["method"], path, body, media)
        print(f"| {route['method']} | {route['pattern']} | {route['access']} | {status} |")
        code = json.loads(content).get("code", "") if b'"code"' in content[:400] else ""
        later = route["function_name"] == "sentinel.http_not_built"
        # What is for people a key is refused; an owner is neither removed nor changed.
        people = status == 403 and ((route["scope"] or "").startswith("account:") or route["pattern"].startswith("/api-keys")
                                     or "/members" in route["pattern"])
        wrong = not people and (status >= 500 and status not in (501, 503) or (status == 501) != later and route["access"] != "signature" \
            or status == 404 and b"no such path" in content or status in (401, 403, 503) and route["access"] == "member" \
            or status == 405 or route["method"] == "GET" and route["access"] == "member" and not later and status != 200
                                and "wishes" not in path)  # a key is nobody with wishes
        names = {n for n, _ in headers}
        missing = {"strict-transport-security", "content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy",
                   "x-request-id"} - names
        if wrong or missing:
            bad.append(f"{route['method']} {path}: {status} {code} {content[:300]!r} {sorted(missing)}")
    return bad


def compare(caller, routes, known):
    bad, compared = [], 0
    for route in routes:
        theirs = Ids(known, True)
        if "_id}" not in route["pattern"] and "uuid" not in json.dumps([route["request_schema"], route["query_parameters"]]):
            continue
        compared += 1
        unknown = Unknown(theirs)
        answers = []
        for ids in (theirs, unknown):
            path, body, media = request(route, ids)
            answers.append(repr(caller.ask(route["method"], path, body, media)))
        for n, text in enumerate(answers):
            for real, other in unknown.replaced.items():
                text = text.replace(real, "<id>").replace(other, "<id>")
            # An ETag is made of the answer.
            answers[n] = re.sub(r"\('etag', '[^']*'\)", "", re.sub(r"'content-length', '\d+'", "", text))
        if answers[0] != answers[1]:
            bad.append(f"{route['method']} {path}\n      theirs  {answers[0][:600]}\n      unknown {answers[1][:600]}")
        elif answers[0].startswith("(5") and not answers[0].startswith("(501"):
            bad.append(f"{route['method']} {path}: {answers[0][:300]}")
    print(f"{compared} routes take ids")
    return bad


def main():
    url, routes_file, key, ids_file, what = sys.argv[1:6]
    with open(routes_file, encoding="utf-8") as f:
        routes = [r for r in json.load(f) if r["response_schema"] is None or r["response_schema"].get("contentType") != "text/event-stream"]
    with open(ids_file, encoding="utf-8") as f:
        known = json.load(f)
    caller = (Curl if what == "--table" else Caller)(url, key, sys.argv[6])
    bad = table(caller, routes, known) if what == "--table" else compare(caller, routes, known)
    for line in bad:
        print("FAILED:", line)
    print(f"{len(routes) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad else 0


sys.exit(main())
