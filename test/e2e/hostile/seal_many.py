#!/usr/bin/env python3
"""Seal a fresh webhook key for each line "org secret" of standard input; print "secret hex-of-the-envelope" for each.

Arguments: the worker, its key file, and a file that takes the keys in clear, for the search for leaks afterwards. The keys
pass to `sentinel-worker seal` by its standard input, as an operator's would.
"""

import base64
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor


def seal(line):
    """Return the line to print and the key."""
    org, secret = line.split()
    key = "whsec_" + base64.b64encode(os.urandom(32)).decode()
    sealed = subprocess.run([worker, "seal", "--key-file", key_file, "--org", org, "--secret", secret, "--version", "1"],
                            input=key.encode(), stdout=subprocess.PIPE, check=True)
    return f"{secret}\t{sealed.stdout.decode().strip()}", key


worker, key_file, clear = sys.argv[1:]
with ThreadPoolExecutor(4) as pool:
    done = list(pool.map(seal, sys.stdin))
with open(clear, "a", encoding="utf-8") as file:
    file.writelines(key + "\n" for _, key in done)
for printed, _ in done:
    print(printed)
