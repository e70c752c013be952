#!/usr/bin/env python3
"""Ask a stand-in: ask.py PORT_FILE PATH prints the answer's body; with --post, standard input is the request's body."""

import sys
import urllib.request


def ask(port_file, path, body=None):
    """Return the body of GET path, or of POST path where a body (bytes) is given."""
    with open(port_file, encoding="utf-8") as file:
        port = int(file.read())
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data=body, timeout=10) as answer:
        return answer.read()


if __name__ == "__main__":
    posting = "--post" in sys.argv[3:]
    sys.stdout.write(ask(sys.argv[1], sys.argv[2], sys.stdin.buffer.read() if posting else None).decode() + "\n")
