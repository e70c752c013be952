#!/usr/bin/env python3
"""Call the gateway: call.py URL METHOD PATH [JSON]. The key is in GATEWAY_KEY. Prints the status and the answer, cut to one line."""
import os
import sys
import urllib.error
import urllib.request

url, method, path = sys.argv[1:4]
body = sys.argv[4].encode() if len(sys.argv) > 4 and sys.argv[4] else None
request = urllib.request.Request(url + path, data=body, method=method, headers={
    "Authorization": "Bearer " + os.environ["GATEWAY_KEY"], "Content-Type": "application/json"})
try:
    with urllib.request.urlopen(request, timeout=20) as answer:
        status, content = answer.status, answer.read()
except urllib.error.HTTPError as error:
    status, content = error.code, error.read()
text = content.decode().replace("\n", " ")
print(status, text if len(text) <= 240 else text[:237] + "...")
