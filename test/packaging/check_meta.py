#!/usr/bin/env python3
"""Check META.json against the PGXN Meta Spec 1.0.0 and against the control file.  TAP on stdout.

Source of the rules: https://pgxn.org/meta/spec.txt.  Beyond the spec: every file that META.json names exists, the
version equals default_version of the control file, and the control file's requirements are runtime prerequisites.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
TERM = re.compile(r"[^\s/\\\x00-\x1f\x7f]{2,}")
TAG = re.compile(r"[^/\\\x00-\x1f\x7f]{1,256}")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]+\S*")
RANGE_ITEM = re.compile(r"(?:(?:==|!=|<=|>=|<|>)\s*)?(\S+)")
LICENSES = set(
    """agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2 gfdl_1_3 gpl_1 gpl_2 gpl_3 lgpl_2_1
    lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql qpl_1_0 ssleay sun zlib open_source restricted
    unrestricted unknown""".split()
)
REQUIRED = ("abstract", "maintainer", "license", "provides", "name", "version", "meta-spec")
KNOWN = set(REQUIRED) | {"description", "generated_by", "tags", "no_index", "prereqs", "release_status", "resources"}
PHASES = {"configure", "build", "test", "runtime", "develop"}
RELATIONS = {"requires", "recommends", "suggests", "conflicts"}

results = []


def check(name, passed, reason=""):
    """Record one result; the reason is shown when it failed."""
    results.append(bool(passed))
    print(f"{'ok' if passed else 'not ok'} {len(results)} - {name}")
    if not passed and reason:
        print(f"# {reason}")


def text(value):
    return isinstance(value, str) and value.strip() != ""


def matches(pattern, value):
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def items(value):
    """Give a list as it is and a single value as a list of one: the spec allows both in several places."""
    return value if isinstance(value, list) else [value]


def strangers(mapping, known):
    """Give the keys that are neither known nor marked as private by x_ or X_."""
    return sorted(key for key in mapping if key not in known and not re.fullmatch(r"[xX]_.+", key))


def version_range(value):
    """Tell whether a value is a version range: 0, a version, or comparisons joined by commas."""
    if value == 0:
        return not isinstance(value, bool)
    if not text(value):
        return False
    found = [RANGE_ITEM.fullmatch(part.strip()) for part in value.split(",")]
    return all(item and (item[1] == "0" or SEMVER.fullmatch(item[1])) for item in found)


def no_duplicate_keys(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key comes twice among {keys}")
    return dict(pairs)


def check_licence(licence):
    if isinstance(licence, dict):
        check("license: a name and an address each", licence and all(matches(URL, u) for u in licence.values()))
    else:
        unknown = [name for name in items(licence) if name not in LICENSES]
        check("license: names of the spec", licence and not unknown, f"unknown: {unknown}")


def check_provides(provides, root):
    check("provides: names at least one extension", isinstance(provides, dict) and provides)
    for name, entry in provides.items() if isinstance(provides, dict) else ():
        check(f"provides: {name} is a term", matches(TERM, name))
        if not isinstance(entry, dict):
            check(f"provides: {name} is a map", False)
            continue
        check(f"provides: {name} has a semantic version", matches(SEMVER, entry.get("version")))
        for key in ("file", "docfile"):
            if key == "file" or key in entry:
                path = entry.get(key)
                check(f"provides: {name} {key} exists", text(path) and (root / path).is_file(), f"missing: {path}")
        unknown = strangers(entry, {"file", "version", "abstract", "docfile"})
        check(f"provides: {name} has known keys only", not unknown, f"unknown: {unknown}")


def check_prereqs(prereqs):
    for phase, relations in prereqs.items():
        check(f"prereqs: phase {phase}", phase in PHASES and isinstance(relations, dict))
        for relation, wanted in relations.items() if isinstance(relations, dict) else ():
            check(f"prereqs: {phase} {relation}", relation in RELATIONS and isinstance(wanted, dict))
            wrong = [n for n, r in wanted.items() if not matches(TERM, n) or not version_range(r)]
            check(f"prereqs: {phase} {relation} are terms and version ranges", not wrong, f"wrong: {wrong}")


def check_resources(resources):
    unknown = strangers(resources, {"license", "homepage", "bugtracker", "repository"})
    check("resources: known keys only", not unknown, f"unknown: {unknown}")
    tracker, repository = resources.get("bugtracker", {}), resources.get("repository", {})
    addresses = [resources.get("homepage"), tracker.get("web"), repository.get("web"), repository.get("url")]
    addresses += items(resources.get("license"))
    wrong = [address for address in addresses if address is not None and not matches(URL, address)]
    check("resources: addresses are URLs", not wrong, f"wrong: {wrong}")
    check("resources: the tracker's e-mail has an @", "@" in tracker.get("mailto", "@"))
    check("resources: the repository's type is lower-case", repository.get("type", "git").islower())


def control_settings(path):
    """Read the settings of a control file: name = value, the value quoted or not."""
    lines = (re.sub(r"#.*", "", line) for line in path.read_text().splitlines())
    pairs = (re.fullmatch(r"\s*(\w+)\s*=?\s*'?(.*?)'?\s*", line) for line in lines)
    return {pair[1]: pair[2] for pair in pairs if pair}


def main():
    root = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    try:
        meta = json.loads((root / "META.json").read_text("utf-8"), object_pairs_hook=no_duplicate_keys)
    except (OSError, ValueError) as error:
        check("META.json is JSON in UTF-8 without duplicate keys", False, str(error))
        meta = None
    if not isinstance(meta, dict):
        check("META.json is an object", False)
        print(f"1..{len(results)}")
        return 1

    missing = [key for key in REQUIRED if key not in meta]
    check("required keys are there", not missing, f"missing: {missing}")
    unknown = strangers(meta, KNOWN)
    check("known keys only", not unknown, f"unknown: {unknown}")
    check("name is a term", matches(TERM, meta.get("name")))
    check("abstract is a text", text(meta.get("abstract")))
    check("description is a text", text(meta.get("description", "-")))
    check("generated_by is a text", text(meta.get("generated_by", "-")))
    check("maintainer is a text or a list of them", meta.get("maintainer") and all(map(text, items(meta["maintainer"]))))
    check("version is semantic", matches(SEMVER, meta.get("version")))
    check("release_status is known", meta.get("release_status", "stable") in ("stable", "testing", "unstable"))
    wrong = [tag for tag in items(meta.get("tags", [])) if not matches(TAG, tag)]
    check("tags are tags", not wrong, f"wrong: {wrong}")
    spec = meta.get("meta-spec", {})
    check("meta-spec is version 1.0.0", isinstance(spec, dict) and spec.get("version") == "1.0.0")
    check("meta-spec has an address", isinstance(spec, dict) and matches(URL, spec.get("url", "https://pgxn.org")))
    check_licence(meta.get("license"))
    check_provides(meta.get("provides"), root)
    check_prereqs(meta.get("prereqs", {}))
    check_resources(meta.get("resources", {}))

    control = control_settings(root / "extension" / "sentinel.control")
    version = control.get("default_version")
    check("version is that of the control file", meta.get("version") == version, f"control: {version}")
    provided = (meta.get("provides") or {}).get("sentinel", {}).get("version")
    check("provided version is that of the control file", provided == version, f"control: {version}")
    wanted = {name.strip() for name in control.get("requires", "").split(",") if name.strip()}
    listed = set(meta.get("prereqs", {}).get("runtime", {}).get("requires", {}))
    check("requirements of the control file are prerequisites", wanted <= listed, f"missing: {wanted - listed}")
    check("LICENSE is there", (root / "LICENSE").is_file())
    print(f"1..{len(results)}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
