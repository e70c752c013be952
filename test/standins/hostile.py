#!/usr/bin/env python3
"""A server that misbehaves on purpose: redirects, endless and dripping answers, bombs, bad TLS, resets, and a canary.

Every request path names a trick (GET /_tricks lists them); each takes its numbers from the query. GET /_ports gives the
other ports: `canary` (on every address of the machine; counts connects; nothing may ever reach it), `outside` and
`outside_too` (the tricks once more, to stand for the internet), `refused` (bound, not listening), `full` (its backlog is
full, so that a connect is never answered), `plain` (answers before it was asked, without TLS), `stall` (accepts, never speaks: a wedged TLS handshake) and, where openssl is
found, `tls_good`, `tls_self_signed`, `tls_expired`, `tls_wrong_host` and `tls_old` (no newer than TLS 1.1), with `ca_file`
for those that are good. GET /_stats: requests, requests_NAME of the ports with TLS, canary_connects, tls_failures,
bytes_sent. No trick outlives --seconds or --bytes.
"""

import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import warnings
import zlib
from urllib.parse import parse_qs, urlsplit

from standin import common_options, end_on_signal, write_atomically

RETRY_AFTER = ["1000000000", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", "", "0", "1.5",
               "1e3", "99999999999999999999999999", " 3 ", "3, 4", "\t2", "0x10", "NaN", "2;q=1"]
OK = b"HTTP/1.1 200 OK\r\n"
RAW = {
    "garbage": b"\x00\x01\x02\xff this is not HTTP \r\n\r\n",
    "http09": b"<html>no status line</html>",
    "bad-status": b"HTTP/1.1 999999 What\r\nContent-Length: 0\r\n\r\n",
    "negative-status": b"HTTP/1.1 -1 No\r\nContent-Length: 0\r\n\r\n",
    "bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "nul-header": OK + b"X-Nul: a\x00b\r\nContent-Length: 2\r\n\r\nok",
    "negative-length": OK + b"Content-Length: -1\r\n\r\nok",
    "two-lengths": OK + b"Content-Length: 2\r\nContent-Length: 7\r\n\r\nok",
    "length-and-chunked": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "huge-chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nok\r\n",
    "half-chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n10\r\nhalf",
    "half-body": OK + b"Content-Length: 1000\r\n\r\nhalf of it",
    "half-header": OK + b"Content-Le",
    "escape": OK + b"Content-Length: 61\r\n\r\n\x1b[2J\x1b]0;owned\x07<script>alert(document.domain)</script>\xff\xfe\x00 end!!",
    "switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\nConnection: upgrade\r\n\r\n",
}


def take_pieces(piece, pause=0.0):
    """Yield one piece for ever, pausing between."""
    while True:
        yield piece
        if pause:
            time.sleep(pause)


def number_of(query, name, default):
    return int(query.get(name, [str(default)])[0])


class Hostile:
    """Tricks by name, each a generator of bytes to send; counters; the other ports."""

    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.counters = {"requests": 0, "canary_connects": 0, "bytes_sent": 0, "tls_failures": 0}
        self.requests = []
        self.ports = {}
        self.tricks = {name[6:].replace("_", "-"): getattr(self, name) for name in dir(self) if name.startswith("trick_")}

    def count(self, key, by=1):
        with self.lock:
            self.counters[key] = self.counters.get(key, 0) + by

    # -- tricks: (rest of the path, query) -> iterable of bytes; None drops the connection --

    def trick_status(self, rest, query):
        """An empty answer with that status: /status/503."""
        yield f"HTTP/1.1 {rest or 200} X\r\nContent-Length: 0\r\n\r\n".encode()

    def trick_redirect(self, rest, query):
        """/redirect/301?to=URL; without `to`, to the canary."""
        to = query.get("to", [f"http://127.0.0.1:{self.ports['canary']}/caught"])[0]
        yield f"HTTP/1.1 {rest or 302} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()

    def trick_retry_after(self, rest, query):
        """/retry-after/N: the Nth abusive value; ?v=VALUE: that value; ?status=429."""
        value = query.get("v", [RETRY_AFTER[int(rest or 0) % len(RETRY_AFTER)]])[0]
        status = number_of(query, "status", 429)
        yield f"HTTP/1.1 {status} Slow\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode()

    def trick_gzip_bomb(self, rest, query):
        """A gzip body of about 10 MB that unpacks to about 10 GB."""
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        member = packer.compress(bytes(100_000_000)) + packer.flush()
        members = number_of(query, "members", 100)
        yield OK + f"Content-Encoding: gzip\r\nContent-Length: {len(member) * members}\r\n\r\n".encode()
        for _ in range(members):
            yield member

    def trick_endless(self, rest, query):
        """A chunked body without end."""
        yield OK + b"Transfer-Encoding: chunked\r\n\r\n"
        yield from take_pieces(b"10000\r\n" + b"e" * 65536 + b"\r\n")

    def trick_endless_chunks(self, rest, query):
        """Chunks of one byte without end."""
        yield OK + b"Transfer-Encoding: chunked\r\n\r\n"
        yield from take_pieces(b"1\r\nc\r\n" * 1000)

    def trick_endless_close(self, rest, query):
        """A body without length, to be ended by a close that never comes."""
        yield OK + b"Connection: close\r\n\r\n"
        yield from take_pieces(b"e" * 65536)

    def trick_big(self, rest, query):
        """/big?bytes=N: a body of that length, honestly announced."""
        size = number_of(query, "bytes", 50_000_000)
        yield OK + f"Content-Length: {size}\r\n\r\n".encode()
        for _ in range(size // 65536):
            yield b"b" * 65536
        yield b"b" * (size % 65536)

    def trick_announce(self, rest, query):
        """/announce?bytes=N: announces that length, sends ten bytes, then holds the line."""
        yield OK + f"Content-Length: {number_of(query, 'bytes', 10**15)}\r\n\r\n".encode() + b"ten bytes!"
        yield from take_pieces(b"", 1.0)

    def trick_drip(self, rest, query):
        """A byte of body each ?ms=1000."""
        yield OK + b"Content-Length: 1000000\r\n\r\n"
        yield from take_pieces(b".", number_of(query, "ms", 1000) / 1000)

    def trick_drip_headers(self, rest, query):
        """A byte of header each ?ms=1000."""
        yield OK + b"X-Drip: "
        yield from take_pieces(b".", number_of(query, "ms", 1000) / 1000)

    def trick_header_flood(self, rest, query):
        """Headers without end."""
        yield OK
        for n in range(10**9):
            yield f"X-Flood-{n}: {'f' * 1000}\r\n".encode()

    def trick_header_line(self, rest, query):
        """One header line without end."""
        yield OK + b"X-Long: "
        yield from take_pieces(b"l" * 65536)

    def trick_endless_1xx(self, rest, query):
        """103 Early Hints without end, one each ?ms=10."""
        yield from take_pieces(b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n",
                               number_of(query, "ms", 10) / 1000)

    def trick_hang(self, rest, query):
        """Reads the request, then says nothing."""
        yield from take_pieces(b"", 1.0)

    def trick_slow(self, rest, query):
        """A good answer after ?ms=2000."""
        time.sleep(number_of(query, "ms", 2000) / 1000)
        yield OK + b"Content-Length: 2\r\n\r\nok"

    def trick_reset(self, rest, query):
        """Reads the request, then resets the connection."""
        yield None

    def trick_reset_mid(self, rest, query):
        """Half an answer, then a reset."""
        yield OK + b"Content-Length: 1000\r\n\r\nhalf"
        time.sleep(0.2)
        yield None

    def trick_close(self, rest, query):
        """Reads the request, then closes without a word."""
        yield from ()

    # -- the server --

    def find_trick(self, method, path, query):
        """Return the iterable of bytes that answers a path."""
        name, _, rest = path.lstrip("/").partition("/")
        told = {"_ports": lambda: self.ports, "_stats": lambda: dict(self.counters), "_log": lambda: self.requests,
                "_health": lambda: {"ok": True}, "_tricks": lambda: sorted([*self.tricks, *RAW])}
        if name in told:
            with self.lock:
                body = json.dumps(told[name]()).encode()
            return [OK + f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body]
        self.count("requests")
        with self.lock:
            self.requests.append({"at": time.time(), "method": method, "path": path})
        if name in RAW:
            return [RAW[name]]
        if name in self.tricks:
            return self.tricks[name](rest, query)
        return [b"HTTP/1.1 404 Unknown trick\r\nContent-Length: 0\r\n\r\n"]

    def serve(self, connection, name=None):
        """Answer one request and close; hard limits on time and bytes."""
        connection.settimeout(self.options.seconds)
        try:
            request = read_request(connection)
            if request is None:
                return
            if name:
                self.count(f"requests_{name}")
            parts = urlsplit(request[1])
            deadline, left = time.monotonic() + self.options.seconds, self.options.bytes
            for piece in self.find_trick(request[0], parts.path, parse_qs(parts.query)):
                if piece is None:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                connection.sendall(piece)
                self.count("bytes_sent", len(piece))
                left -= len(piece)
                if left <= 0 or time.monotonic() > deadline:
                    return
                if not piece and peer_is_gone(connection):
                    return
        except OSError:
            pass  # the client hung up, which is what a good client does here
        finally:
            connection.close()

    def serve_tls(self, connection, context, name):
        try:
            connection.settimeout(10)
            wrapped = context.wrap_socket(connection, server_side=True)
        except OSError:
            self.count("tls_failures")
            connection.close()
            return
        self.count(f"requests_{name}", 0)
        self.serve(wrapped, name)

    def catch(self, connection):
        self.count("canary_connects")
        connection.close()

    def speak_first(self, connection):
        connection.sendall(RAW["bare-lf"])
        connection.close()

    def stall(self, connection):
        time.sleep(self.options.seconds)
        connection.close()

    def open_port(self, name, handle, port=0, everywhere=False):
        """Listen on a port of 127.0.0.1 or everywhere; hand each connection to `handle` on a thread of its own."""
        listener = listen_everywhere() if everywhere else socket.create_server(("127.0.0.1", port), backlog=1024)
        self.ports[name] = listener.getsockname()[1]

        def accept():
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def open_all(self, folder):
        self.open_port("http", self.serve, self.options.port)
        self.open_port("outside", self.serve)
        self.open_port("outside_too", self.serve)
        self.open_port("canary", self.catch, everywhere=True)
        self.open_port("plain", self.speak_first)
        self.open_port("stall", self.stall)
        self.open_full()
        self.refused = socket.socket()
        self.refused.bind(("127.0.0.1", 0))
        self.ports["refused"] = self.refused.getsockname()[1]
        if shutil.which("openssl"):
            make_certificates(folder)
            self.ports["ca_file"] = os.path.join(folder, "ca.pem")
            for name in ("good", "self_signed", "expired", "wrong_host", "old"):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                chain = "good" if name == "old" else name
                context.load_cert_chain(os.path.join(folder, f"{chain}.pem"), os.path.join(folder, "key.pem"))
                if name == "old":
                    forbid_new_tls(context)
                self.open_port(f"tls_{name}", lambda connection, context=context, name=f"tls_{name}":
                               self.serve_tls(connection, context, name))

    def open_full(self):
        """Listen, never accept, and fill the backlog ourselves: the system then leaves a connect without an answer."""
        self.full = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.ports["full"] = self.full.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.full.getsockname())
            self.fillers.append(filler)


def listen_everywhere():
    """Listen on every address of the machine, of both families where it has them."""
    try:
        return socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
    except (OSError, ValueError):
        return socket.create_server(("0.0.0.0", 0), backlog=1024)


def forbid_new_tls(context):
    """Leave a context TLS 1.0 and 1.1 only; the newer OpenSSL speaks those at security level 0 alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1


def read_request(connection):
    """Read one request, body included; return (method, target), or None when the client says nothing sensible."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece or len(data) > 65536:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    headers = dict(line.lower().split(":", 1) for line in lines[1:] if ":" in line)
    length = int(headers.get("content-length", "0").strip() or 0)
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            return None
        body += piece
    return (words[0], words[1]) if len(words) == 3 else None


def peer_is_gone(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    finally:
        connection.settimeout(10)


def make_certificates(folder):
    """Make a CA and four certificates over one key: good, expired and for another host by the CA, and self-signed."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    with open(os.path.join(folder, "ca.conf"), "w", encoding="utf-8") as file:
        file.write("[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\nnew_certs_dir=.\nserial=serial\ndefault_md=sha256\n"
                   "policy=p\nunique_subject=no\n[p]\ncommonName=supplied\n"
                   "[here]\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n[there]\nsubjectAltName=DNS:elsewhere.example\n")
    for name, text in (("index.txt", ""), ("serial", "01\n")):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stand-in CA",
            "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "csr.pem")
    openssl("req", "-x509", "-key", "key.pem", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-out", "self_signed.pem")
    for name, section, start, end in (("good", "here", None, None), ("wrong_host", "there", None, None),
                                      ("expired", "here", "20200101000000Z", "20200201000000Z")):
        dates = ["-startdate", start, "-enddate", end] if start else ["-days", "2"]
        openssl("ca", "-batch", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", "csr.pem",
                "-extensions", section, *dates, "-notext", "-out", f"{name}.pem")


def main():
    parser = common_options(__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="the longest that one trick goes on")
    parser.add_argument("--bytes", type=int, default=1 << 28, help="the most that one trick sends")
    options = parser.parse_args()
    ended = threading.Event()
    end_on_signal(ended.set)
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        server = Hostile(options)
        server.open_all(folder)
        if options.port_file:
            write_atomically(options.port_file, f"{server.ports['http']}\n")
        ended.wait()
        if options.log:
            with open(options.log, "a", encoding="utf-8") as file:
                file.writelines(json.dumps(entry) + "\n" for entry in server.requests)


if __name__ == "__main__":
    main()
