#!/usr/bin/env python3
"""Listen to events as a browser's EventSource does, be cut off now and then, and come back with Last-Event-ID.

listen.py URL KEY WANTED CUTS FILE: until WANTED events of the type load.made have come; the connection is cut CUTS times, in the
middle of whatever comes. Writes the numbers in their order to FILE, and prints what was seen twice and how often it came back.
"""
import json
import socket
import sys
import time
from urllib.parse import urlsplit


def connect(host, port, key, last):
    link = socket.create_connection((host, port), timeout=30)
    lines = [f"GET /api/events HTTP/1.1", f"Host: {host}:{port}", "Accept: text/event-stream", f"Authorization: Bearer {key}"]
    if last:
        lines.append(f"Last-Event-ID: {last}")
    link.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return link


class Stream:
    """The bytes of a chunked answer, as they come."""

    def __init__(self, link):
        self.link = link
        self.raw = b""
        self.head = None
        self.text = b""

    def feed(self):
        data = self.link.recv(4096)
        if not data:
            raise ConnectionError("closed")
        self.raw += data
        if self.head is None:
            if b"\r\n\r\n" not in self.raw:
                return
            self.head, self.raw = self.raw.split(b"\r\n\r\n", 1)
            if b" 200 " not in self.head.split(b"\r\n")[0]:
                raise SystemExit(self.head.decode() + self.raw.decode())
        if b"chunked" not in self.head.lower():
            self.text, self.raw = self.text + self.raw, b""
            return
        while b"\r\n" in self.raw:
            size, rest = self.raw.split(b"\r\n", 1)
            n = int(size, 16)
            if len(rest) < n + 2:
                return
            self.text += rest[:n]
            self.raw = rest[n + 2:]

    def events(self):
        while b"\n\n" in self.text:
            block, self.text = self.text.split(b"\n\n", 1)
            fields = {}
            for line in block.decode().split("\n"):
                name, _, value = line.partition(":")
                if name:
                    fields[name] = value.removeprefix(" ")
            yield fields


def main():
    address = urlsplit(sys.argv[1])
    key, wanted, cuts, file = sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    seen, twice, last, back = [], 0, None, 0
    known = set()
    limit = [wanted * (n + 1) // (cuts + 1) for n in range(cuts)]
    began = time.monotonic()
    ready = False
    while len(known) < wanted and time.monotonic() - began < 240:
        link = connect(address.hostname, address.port, key, last)
        stream = Stream(link)
        try:
            while len(known) < wanted:
                stream.feed()
                if not ready and stream.head is not None:
                    ready = True
                    print("listening", flush=True)
                for event in stream.events():
                    if "id" not in event:
                        continue
                    last = event["id"]
                    if event.get("event") != "load.made":
                        continue
                    number = json.loads(event["data"])["payload"]["n"]
                    twice += number in known
                    known.add(number)
                    seen.append(number)
                if limit and len(known) >= limit[0]:
                    limit.pop(0)
                    raise ConnectionError("cut")
        except (ConnectionError, TimeoutError):
            back += 1
        link.close()
    with open(file, "w", encoding="utf-8") as f:
        f.write("\n".join(map(str, seen)))
    print(f"events {len(known)} of {wanted}, twice {twice}, came back {back} times, {time.monotonic() - began:.1f} s", flush=True)
    return 0 if len(known) == wanted else 1


sys.exit(main())
