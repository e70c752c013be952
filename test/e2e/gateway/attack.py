#!/usr/bin/env python3
"""Attacks on a gateway, one a call: attack.py PORT NAME [option ...].  Prints `key value` lines for the shell to judge.

While an attack runs another process asks GET /health over new connections, as any client would; it began before the attack.
calm_ms and storm_ms are the medians of its waits before and during the attack, worst_ms the longest during it, failed how many
were not answered with 200.
"""

import asyncio
import json
import multiprocessing
import os
import random
import resource
import socket
import statistics
import sys
import time

HOST = "127.0.0.1"


def head(method, path, *headers, version="HTTP/1.1", host=True):
    """Give a request's head as bytes."""
    lines = [f"{method} {path} {version}"] + (["Host: localhost"] if host else []) + list(headers)
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def address():
    """Give a random address for X-Forwarded-For, so that limits by address meet nobody twice."""
    return f"X-Forwarded-For: 10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def exchange(port, data, seconds=20.0):
    """Send bytes, read until the end; give what came and how long it took.  A reset ends it as a close does."""
    began = time.monotonic()
    got = b""
    with socket.create_connection((HOST, port), timeout=seconds) as one:
        try:
            for piece in data if isinstance(data, list) else [data]:
                one.sendall(piece)
                if isinstance(data, list):
                    time.sleep(0.1)
        except OSError:
            pass
        try:
            while piece := one.recv(65536):
                got += piece
        except OSError:
            pass
    return got, time.monotonic() - began


def statuses(data):
    """Give the status of each answer in a run of answers, by their lengths."""
    found = []
    while data.startswith(b"HTTP/1."):
        top, _, rest = data.partition(b"\r\n\r\n")
        status = int(top.split(b" ", 2)[1])
        found.append(status)
        length = [line for line in top.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        data = rest[int(length[0].split(b":")[1]):] if length else rest
    return found


def probe(port, pipe):
    """Ask GET /health again and again until told to end; then give (when, seconds, good) of each."""
    seen = []
    while not pipe.poll():
        began = time.monotonic()
        try:
            got, took = exchange(port, head("GET", "/health", address(), "Connection: close"), 5.0)
            good = statuses(got) == [200]
        except OSError:
            took, good = time.monotonic() - began, False
        seen.append((began, took, good))
        time.sleep(0.01)
    pipe.send(seen)


class Witness:
    """The other client: `with Witness(port):` around an attack."""

    def __init__(self, port):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=probe, args=(port, theirs), daemon=True)

    def __enter__(self):
        self.process.start()
        time.sleep(1.0)
        self.began = time.monotonic()
        return self

    def __exit__(self, *_):
        ended = time.monotonic()
        self.pipe.send("end")
        seen = self.pipe.recv()
        self.process.join()
        calm = [took for when, took, good in seen if when < self.began and good]
        storm = [took for when, took, good in seen if self.began <= when <= ended]
        failed = sum(not good for when, took, good in seen if self.began <= when <= ended)
        print("calm_ms", round(statistics.median(calm) * 1000, 2))
        print("storm_ms", round(statistics.median(storm) * 1000, 2))
        print("ratio", round(statistics.median(storm) / statistics.median(calm), 2))
        print("worst_ms", round(max(storm) * 1000))
        print("asked", len(storm))
        print("failed", failed)


async def drip(port, start, byte, pause, limit):
    """Send a beginning, then a byte each pause, until the other side ends it; give the status and how long it took."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(start)
    answer = asyncio.ensure_future(reader.read(4096))
    while not answer.done() and time.monotonic() - began < limit:
        writer.write(byte)
        await asyncio.wait([answer], timeout=pause)
    took = time.monotonic() - began
    got = b""
    if answer.done():
        try:
            got = answer.result()
        except OSError:
            pass
    answer.cancel()
    writer.close()
    return (statuses(got) or [0])[0], took


def drips(port, count, start, byte):
    """Many such clients at once."""
    async def run():
        return await asyncio.gather(*[drip(port, start, byte, 0.5, 30) for _ in range(count)])
    with Witness(port):
        ended = asyncio.run(run())
    print("clients", count)
    print("answered_408", sum(status == 408 for status, _ in ended))
    print("first_s", round(min(took for _, took in ended), 1))
    print("last_s", round(max(took for _, took in ended), 1))


def flood(port, start, piece, seconds=3.0, clients=20):
    """Send without end, again and again, for some seconds; tell which answers came and how much was taken."""
    seen = {}
    sent = 0
    rounds = 0
    with Witness(port):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(clients):
                with socket.create_connection((HOST, port), timeout=5) as one:
                    taken = 0
                    try:
                        one.sendall(start)
                        while taken < 64_000_000:
                            one.settimeout(0.0)
                            try:
                                if one.recv(1, socket.MSG_PEEK):
                                    break
                            except BlockingIOError:
                                pass
                            one.settimeout(5.0)
                            one.sendall(piece)
                            taken += len(piece)
                    except OSError:
                        pass
                    one.settimeout(5.0)
                    got = b""
                    try:
                        one.shutdown(socket.SHUT_WR)
                    except OSError:
                        pass
                    try:
                        while more := one.recv(65536):
                            got += more
                    except OSError:
                        pass
                    status = (statuses(got) or [0])[0]
                    seen[status] = seen.get(status, 0) + 1
                    sent = max(sent, taken)
                    rounds += 1
    print("rounds", rounds)
    print("statuses", ",".join(str(status) for status in sorted(seen)))
    print("most_sent", sent)


def table(port, key):
    """Requests that are refused, or taken, each by its words: `case STATUSES WANTED words`."""
    long = b"a" * 9000
    smuggled = b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    login = ("POST", "/auth/login", "Content-Type: application/json")

    def body(text, *headers):
        return head(*login, address(), f"Content-Length: {len(text)}", "Connection: close", *headers) + text

    # Signing in takes 64 KiB, what people with a key send more.
    def long_body(text):
        return head("POST", "/deals", address(), "Content-Type: application/json", f"Authorization: Bearer {key}", f"Content-Length: {len(text)}",
                    "Connection: close") + text

    def credentials(value):
        return b'{"email": "a@example.com", "password": ' + value + b"}"

    cases = [
        ("CL and TE together", "400", head("POST", "/health", "Content-Length: 4", "Transfer-Encoding: chunked") + smuggled),
        ("TE and CL together", "400", head("POST", "/health", "Transfer-Encoding: chunked", "Content-Length: 40") + smuggled),
        ("two lengths", "400", head("POST", "/health", "Content-Length: 4", "Content-Length: 5") + b"abcde"),
        ("a length with a sign", "400", head("POST", "/health", "Content-Length: +4") + b"abcd"),
        ("a transfer encoding in disguise", "400", head("POST", "/health", "Transfer-Encoding: xchunked") + smuggled),
        ("chunked twice", "400", head("POST", "/health", "Transfer-Encoding: chunked, chunked") + smuggled),
        ("a space before the colon", "400", head("POST", "/health", "Transfer-Encoding : chunked") + smuggled),
        ("a folded header", "400", head("GET", "/health", "X-A: b\r\n c")),
        ("bare line feeds", "400", b"GET /health HTTP/1.1\nHost: localhost\n\n"),
        ("a zero byte in a header", "400", head("GET", "/health", "X-A: b\0c")),
        ("no host", "400", head("GET", "/health", host=False)),
        ("two hosts", "400", head("GET", "/health", "Host: evil.example")),
        ("HTTP/2.0 in words", "505", head("GET", "/health", version="HTTP/2.0")),
        ("HTTP/0.9", "400", b"GET /health\r\n\r\n"),
        ("no HTTP at all", "400", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        ("CONNECT", "501", head("CONNECT", "localhost:22")),
        ("a target of 9000 bytes", "414", b"GET /" + long + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("101 headers", "431", head("GET", "/health", *[f"X-{n}: 1" for n in range(101)])),
        ("a header of 20 kB", "431", head("GET", "/health", "X-A: " + "b" * 20_000)),
        ("Content-Length 99999999999", "413", head("POST", "/auth/login", "Content-Length: 99999999999")),
        ("a length beyond 64 bits", "413", head("POST", "/auth/login", "Content-Length: 99999999999999999999999999")),
        ("30 MB announced", "413", head("POST", "/auth/login", "Content-Length: 30000000", "Expect: 100-continue")),
        ("a chunk beyond 64 bits", "400", head("POST", "/auth/login", "Transfer-Encoding: chunked") + b"fffffffffffffffff\r\n"),
        ("a chunk with a sign", "400", head("POST", "/auth/login", "Transfer-Encoding: chunked") + b"-1\r\n\r\n"),
        # As each TCP segment came: an assertion of Beast 1.81.
        ("no chunk at all, in pieces", "400", [head("POST", "/auth/login", address(), "Transfer-Encoding: chunked", "Connection: close"),
                                               b"0", b"\r\n", b"\r", b"\n"]),
        ("bad UTF-8 in JSON", "400", body(credentials(b'"\xff\xfe"'))),
        ("overlong UTF-8 in JSON", "400", body(credentials(b'"\xc0\xaf"'))),
        ("\\u0000 in JSON", "400", body(credentials(b'"\\u0000"'))),
        ("half a surrogate in JSON", "400", body(credentials(b'"\\ud800"'))),
        ("JSON 100,000 deep", "400", long_body(credentials(b"[" * 100_000 + b"]" * 100_000))),
        ("the same to a path that takes no such length", "413", body(credentials(b"[" * 100_000 + b"]" * 100_000))),
        ("JSON 100,000 deep, without an end", "400", long_body(b"[" * 100_000)),
        ("the number 1e131071", "400", body(credentials(b"1e131071"))),
        ("a number of 100,000 digits", "400", long_body(credentials(b"9" * 100_000))),
        ("one name twice in JSON", "400", body(b'{"email": "a@example.com", "password": "a", "password": "b"}')),
        ("bad UTF-8 in a query", "400", head("GET", "/health?x=%ff%fe", address(), "Connection: close")),
        ("%00 in a query", "400", head("GET", "/health?x=%00", address(), "Connection: close")),
        ("%00 in a path", "404", head("GET", "/health%00", address(), "Connection: close")),
        ("dots in a path", "404", head("GET", "/../../etc/passwd", address(), "Connection: close")),
        ("bytes of Latin-1 in a header", "200", head("GET", "/health", address(), "X-A: \xe4", "Connection: close")),
        ("HTTP/1.0 without a host", "200", head("GET", "/health", address(), version="HTTP/1.0", host=False)),
        ("three at once", "200,200,200", 2 * head("GET", "/health", address()) + head("GET", "/health", address(), "Connection: close")),
        ("Upgrade is not followed", "200", head("GET", "/health", address(), "Connection: upgrade, close", "Upgrade: h2c")),
        ("HEAD has no body", "200", head("HEAD", "/health", address(), "Connection: close")),
    ]
    for words, wanted, data in cases:
        got, took = exchange(port, data, 5.0)
        found = ",".join(str(status) for status in statuses(got))
        late = f" after {took:.1f} s" if took > 4 else ""
        print(f"case\t{words}\t{wanted}\t{found}{late}")
    got, _ = exchange(port, head("GET", "/health", address(), "Connection: close"))
    print(f"case\ta good request afterwards\t200\t{','.join(map(str, statuses(got)))}")
    missing = []
    for data in (head("GET", "/health", address(), "Connection: close"), head("GET", "/none", address(), "Connection: close"),
                 head("GET", "/health", host=False)):
        top = exchange(port, data)[0].partition(b"\r\n\r\n")[0].lower()
        missing += [name for name in ("strict-transport-security", "content-security-policy", "x-content-type-options",
                                      "x-frame-options", "referrer-policy", "cache-control", "x-request-id")
                    if top.count(f"\r\n{name}: ".encode()) != 1]
        missing += ["no server header"] if b"\r\nserver:" in top else []
    print(f"case\tevery answer bears the headers once\t\t{','.join(missing)}")


async def listen(port, count, key, audience_moves):
    """Open so many streams, leave them idle, then have one event told to all."""
    clients = []

    async def one():
        reader, writer = await asyncio.open_connection(HOST, port, limit=4096)
        writer.write(head("GET", "/events", f"Authorization: Bearer {key}"))
        top = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in top.split(b"\r\n", 1)[0]:
            writer.close()
            return None
        await reader.readuntil(b"\n\n")  # retry:
        return reader, writer

    gate = asyncio.Semaphore(8)

    async def gated():
        async with gate:
            for _ in range(20):
                try:
                    if got := await one():
                        return got
                except (OSError, asyncio.IncompleteReadError):
                    pass
                await asyncio.sleep(0.1)
            return None

    began = time.monotonic()
    clients = [got for got in await asyncio.gather(*[gated() for _ in range(count)]) if got]
    print("opened", len(clients))
    print("open_s", round(time.monotonic() - began, 1))
    print("idle", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)  # the shell measures, then emits

    async def hears(reader):
        try:
            while True:
                frame = await asyncio.wait_for(reader.readuntil(b"\n\n"), 15)
                if frame.startswith(b"id: "):
                    return time.monotonic()
        except (asyncio.TimeoutError, asyncio.IncompleteReadError, OSError):
            return None

    began = time.monotonic()
    heard = [when for when in await asyncio.gather(*[hears(reader) for reader, _ in clients]) if when]
    print("heard", len(heard))
    print("last_heard_s", round(max(heard, default=began) - began, 2))
    for _, writer in clients:
        writer.close()


def streams(port, count, key):
    """Idle streams: how many could be opened, and what the other client feels of them."""
    with Witness(port):
        asyncio.run(listen(port, int(count), key, True))


def leave(port, count):
    """Clients that ask and go away before the answer."""
    with Witness(port):
        for _ in range(int(count)):
            with socket.create_connection((HOST, port)) as one:
                one.sendall(head("GET", "/health", address()))


def stopping(port, pid):
    """Have a request under way when the gateway is told to stop: it is answered."""
    with socket.create_connection((HOST, port), timeout=10) as idle, socket.create_connection((HOST, port), timeout=10) as one:
        text = b'{"email": "a@example.com", "password": "wrong password"}'
        request = head("POST", "/auth/login", address(), "Content-Type: application/json", f"Content-Length: {len(text)}") + text
        one.sendall(request[:-5])
        time.sleep(0.2)
        os.kill(int(pid), 15)
        time.sleep(0.3)
        one.sendall(request[-5:])
        got = b""
        while piece := one.recv(65536):
            got += piece
        print("statuses", ",".join(map(str, statuses(got))))
        print("closing", int(b"\r\nConnection: close\r\n" in got))
        print("idle_closed", int(idle.recv(1) == b""))


def main():
    port, name, rest = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    attacks = {
        "slow_header": lambda: drips(port, 300, b"GET /health HTTP/1.1\r\nX-", b"a"),
        "slow_body": lambda: drips(port, 100, head("POST", "/auth/login", "Content-Length: 10000"), b"a"),
        "slow_chunks": lambda: drips(port, 100, head("POST", "/auth/login", "Transfer-Encoding: chunked"), b"1\r\na\r\n"),
        "header_flood": lambda: flood(port, b"GET /health HTTP/1.1\r\nHost: localhost\r\n", b"X-A: b\r\n" * 1000),
        "header_line": lambda: flood(port, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"b" * 10_000),
        "endless_uri": lambda: flood(port, b"GET /", b"a" * 10_000),
        "chunk_flood": lambda: flood(port, head("POST", "/auth/login", "Transfer-Encoding: chunked"), b"4000\r\n" + b"a" * 0x4000 + b"\r\n"),
        "tiny_chunks": lambda: flood(port, head("POST", "/auth/login", "Transfer-Encoding: chunked"), b"1\r\na\r\n" * 1000),
        "chunk_line": lambda: flood(port, head("POST", "/auth/login", "Transfer-Encoding: chunked") + b"1;", b"x" * 10_000),
        "table": lambda: table(port, *rest),
        "streams": lambda: streams(port, *rest),
        "leave": lambda: leave(port, *rest),
        "stopping": lambda: stopping(port, *rest),
    }
    attacks[name]()


if __name__ == "__main__":
    main()
