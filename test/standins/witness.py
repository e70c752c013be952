#!/usr/bin/env python3
"""A receiver that trusts nothing: it reads requests byte by byte and holds them against what the worker may send.

POST to any path answers 200 `ok`, keeps the connection, and records the request. A path that begins with /echo answers
with the request itself and, to a signed one, what POST /_say gave, over and over, plain and with escaped slashes. GET /_verdict:
{"requests", "connections", "wrong": [[path, words], ...]}; GET /_log: [{"connection", "path", "id", "sha256"}, ...].
"""

import hashlib
import json
import re
import socket
import threading

from standin import common_options, end_on_signal, write_atomically

SLACK = {"host", "user-agent", "accept", "content-type", "content-length"}
WEBHOOK = SLACK | {"webhook-id", "webhook-timestamp", "webhook-signature"}
LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\x20-\x7e]+")
VALUES = {"content-length": r"\d+", "webhook-timestamp": r"\d{10}", "webhook-id": r"[A-Za-z0-9_-]+",
          "webhook-signature": r"v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)*", "accept": r"\*/\*"}


def find_fault(head, stray):
    """Return what is wrong with the head of a request, in words, or None."""
    first, *lines = head.split(b"\r\n")
    if not re.fullmatch(rb"POST /[\x21-\x7e]* HTTP/1\.1", first):
        return f"request line {first!r}"
    for line in lines:
        if not LINE.fullmatch(line):
            return f"header line {line!r}"
    names = [line.split(b":")[0].decode().lower() for line in lines]
    wanted = WEBHOOK if "webhook-id" in names else SLACK
    if sorted(names) != sorted(wanted):
        return f"headers {names}"
    for line in lines:
        name, value = line.decode().split(": ", 1)
        if not re.fullmatch(VALUES.get(name.lower(), ".+"), value):
            return f"value {line!r}"
    return f"{stray} bytes behind the body" if stray else None


class Witness:
    """What was received, what was wrong with it, what to say."""

    def __init__(self):
        self.lock = threading.Lock()
        self.log = []
        self.wrong = []
        self.connections = 0
        self.say = ""

    def verdict(self):
        return {"requests": len(self.log), "connections": self.connections, "wrong": self.wrong}

    def steer(self, method, path, body):
        with self.lock:
            if method == "POST" and path == "/_say":
                self.say = body.decode()
            told = {"/_verdict": self.verdict, "/_log": lambda: self.log, "/_stats": lambda: {"requests": len(self.log)}}
            return json.dumps(told.get(path, lambda: {"ok": True})()).encode()

    def receive(self, connection, head, body, stray):
        """Record one request and return the body of its answer."""
        words = head.split(b"\r\n")[0].decode("latin-1").split(" ")
        path = words[1] if len(words) > 1 else ""
        if path.startswith("/_"):
            return self.steer(words[0], path, body)
        found = re.search(rb"\r\nwebhook-id: ([^\r]*)", head)
        fault = find_fault(head, stray)
        with self.lock:
            self.log.append({"connection": connection, "path": path, "id": found[1].decode("latin-1") if found else None,
                             "sha256": hashlib.sha256(body).hexdigest()})
            if fault:
                self.wrong.append([path, fault])
        if not path.startswith("/echo"):
            return b"ok"
        plain = head + b"\n" + (self.say.encode() if found else b"")
        return (plain + plain.replace(b"/", b"\\/")) * 100

    def serve(self, connection):
        """Answer the requests of one connection, one at a time."""
        with self.lock:
            number = self.connections
        counted = False
        data = b""
        connection.settimeout(60)
        try:
            while True:
                while b"\r\n\r\n" not in data:
                    piece = connection.recv(65536)
                    if not piece or len(data) > 1 << 20:
                        return
                    data += piece
                head, _, data = data.partition(b"\r\n\r\n")
                found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
                length = int(found[1]) if found else 0
                while len(data) < length:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    data += piece
                if not counted and b" /_" not in head[:16]:
                    counted = True
                    with self.lock:
                        self.connections += 1
                        number = self.connections
                body, data = data[:length], data[length:]
                answer = self.receive(number, head, body, len(data))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        except OSError:
            pass  # gone
        finally:
            connection.close()


def main():
    options = common_options(__doc__.splitlines()[0]).parse_args()
    witness = Witness()
    listener = socket.create_server(("127.0.0.1", options.port), backlog=1024)

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=witness.serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    ended = threading.Event()
    end_on_signal(ended.set)
    if options.port_file:
        write_atomically(options.port_file, f"{listener.getsockname()[1]}\n")
    ended.wait()
    if options.log:
        with open(options.log, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(entry) + "\n" for entry in witness.log)


if __name__ == "__main__":
    main()
