#!/usr/bin/env python3
"""Compare what the database says was delivered with what the vendors' own logs say they took.

    witness.py LOG ... < DELIVERED

DELIVERED: a line for each delivered message, its webhook-id or, of Slack, which sends none, its text. Prints how many
the vendors never saw, how many they took that the database does not know as delivered, and how many they took again.
"""

import json
import sys
from collections import Counter

taken = Counter()
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        for line in file:
            entry = json.loads(line)
            if not entry.get("problem"):
                taken[entry.get("id") or entry["text"]] += 1
delivered = {line.rstrip("\n") for line in sys.stdin}
print(len(delivered - taken.keys()), len(taken.keys() - delivered), sum(taken.values()) - len(taken))
