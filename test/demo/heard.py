#!/usr/bin/env python3
"""Print what the stand-ins of a demo received: heard.py FOLDER. Status 1 when a message came twice or unsigned."""

import json
import os
import sys
from collections import Counter

from ask import ask


def shorten(text, most=300):
    return text if len(text) <= most else text[:most] + "…"


def section_texts(block):
    for field in [block.get("text"), *block.get("fields", [])]:
        if field:
            yield field["text"].replace("\n", " ")


def main(folder):
    def told(name, path):
        return json.loads(ask(os.path.join(folder, f"{name}.port"), path))

    stats, log = told("slack", "/_stats"), told("slack", "/_log")
    print(f"    Slack: {stats['messages']} messages taken, {stats['rate_limited']} answered 429 and sent again later, "
          f"{stats['refused']} refused")
    if log:
        print(f"    the first: {log[0]['text']}")
        for block in log[0]["blocks"] or []:
            for text in section_texts(block):
                print(f"        | {text}")
    stats, log = told("webhook_receiver", "/_stats"), told("webhook_receiver", "/_log")
    types = ", ".join(f"{count} {name}" for name, count in sorted(Counter(entry["type"] for entry in log).items()))
    verified = sum(entry["verified"] for entry in log)
    print(f"    webhook receiver: {stats['requests']} requests, {stats['distinct_ids']} webhook-ids ({types}); "
          f"signature verified: {verified}, bad: {stats['bad_signature']}, duplicates: {stats['duplicates']}")
    if log:
        print(f"    the first: webhook-id {log[0]['id']}\n        | {shorten(log[0]['body'])}")
    texts = Counter(json.dumps(entry["blocks"]) for entry in told("slack", "/_log"))
    repeated = sum(count - 1 for count in texts.values())
    print(f"    Slack messages that came twice: {repeated}")
    return 1 if stats["bad_signature"] or stats["duplicates"] or verified != stats["accepted"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
