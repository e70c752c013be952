"""What the stand-ins share: an HTTP/1.1 server on 127.0.0.1 with scripted answers, a log and counters.

A stand-in is a subclass of Standin that answers `receive(request)`. This module gives it the options --port, --port-file
and --log, keep-alive, threads, an orderly end on SIGTERM, and the paths below /_ by which a test steers and reads it:

    GET  /_health   {"ok": true}
    GET  /_stats    counters, an object
    GET  /_log      what was received, an array (?since=N skips the first N, ?limit=N)
    POST /_control  {"next": [answer, ...]} queues scripted answers, first in first out, plus what the stand-in adds
    POST /_reset    forgets everything but its settings

A scripted answer is {"status": 500, "body": "text", "headers": {"Retry-After": "2"}, "delay_ms": 0, "close": false,
"record": false, "path": null}: "close" drops the connection without an answer, "record" treats the request as received
all the same (an answer lost on its way back), "path" restricts the answer to one path.
"""

import argparse
import json
import os
import signal
import socket
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

MAX_BODY = 10 * 1024 * 1024


class Request:
    """One request as received: method, path without query, headers (lower-case names), raw body, arrival time."""

    def __init__(self, method, path, headers, body):
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.at = time.time()


class Answer:
    """What goes back: status, text or bytes, headers; `close` drops the connection instead, `cut` in the middle."""

    def __init__(self, status, body="", headers=None, content_type="text/plain; charset=utf-8", delay_ms=0, close=False,
                 cut=False):
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.headers = dict(headers or {})
        self.content_type = content_type
        self.delay_ms = delay_ms
        self.close = close
        self.cut = cut

    @staticmethod
    def json(value, status=200):
        return Answer(status, json.dumps(value), content_type="application/json")


class Standin:
    """State of a stand-in; its lock guards all of it. Subclasses answer receive() and may add to stats() and control()."""

    name = "stand-in"

    def __init__(self, options):
        self.options = options
        self.lock = threading.RLock()
        self.log_file = open(options.log, "a", encoding="utf-8") if options.log else None
        self.reset()

    @classmethod
    def add_options(cls, parser):
        """Add the options of this stand-in to the command line."""

    def reset(self):
        self.script = []
        self.log = []
        self.counters = {}

    def count(self, key, by=1):
        with self.lock:
            self.counters[key] = self.counters.get(key, 0) + by

    def record(self, entry):
        """Append an entry to the log in memory and, a line of JSON, to the --log file."""
        with self.lock:
            entry = {"n": len(self.log) + 1, **entry}
            self.log.append(entry)
            if self.log_file:
                self.log_file.write(json.dumps(entry) + "\n")
                self.log_file.flush()

    def stats(self):
        with self.lock:
            return dict(self.counters)

    def control(self, command):
        """Take the keys of a /_control object that this class does not know itself."""

    def receive(self, request):
        """Answer a request; runs on the connection's own thread."""
        raise NotImplementedError

    def scripted(self, path):
        """Take the first queued answer that fits the path, or None."""
        with self.lock:
            for position, step in enumerate(self.script):
                if step.get("path") in (None, path):
                    return self.script.pop(position)
        return None

    @staticmethod
    def answer_of(step):
        """Turn a scripted step into an Answer; status defaults to 500."""
        status = int(step.get("status", 500))
        return Answer(status, step.get("body", f"scripted {status}"), step.get("headers"),
                      delay_ms=int(step.get("delay_ms", 0)), close=bool(step.get("close", False)))

    def steer(self, request, query):
        """Answer the paths below /_ ."""
        if request.method == "GET":
            if request.path == "/_health":
                return Answer.json({"ok": True, "name": self.name})
            if request.path == "/_stats":
                return Answer.json(self.stats())
            if request.path == "/_log":
                since = int(query.get("since", ["0"])[0])
                limit = int(query.get("limit", ["1000000"])[0])
                with self.lock:
                    return Answer.json(self.log[since:since + limit])
        if request.method == "POST" and request.path == "/_reset":
            with self.lock:
                self.reset()
            return Answer.json({"ok": True})
        if request.method == "POST" and request.path == "/_control":
            try:
                command = json.loads(request.body)
                with self.lock:
                    self.script.extend(command.get("next", []))
                    self.control(command)
            except (ValueError, AttributeError, TypeError, KeyError) as error:
                return Answer.json({"ok": False, "error": str(error)}, 400)
            return Answer.json({"ok": True})
        return Answer.json({"ok": False, "error": f"no {request.method} {request.path}"}, 404)


def make_handler(standin):
    """Make the connection handler class that serves one stand-in."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # one write a response would otherwise wait for the client's delayed ACK
        wbufsize = 65536
        timeout = 120
        server_version = "standin"
        sys_version = ""

        def log_message(self, *_):
            pass

        def serve(self):
            parts = urlsplit(self.path)
            length = self.headers.get("Content-Length", "0")
            if "Transfer-Encoding" in self.headers:
                return self.send(Answer(411, "length required"), close=True)
            if not length.isdigit() or int(length) > MAX_BODY:
                return self.send(Answer(413, "body too large"), close=True)
            body = self.rfile.read(int(length))
            if len(body) != int(length):  # the client went away in the middle
                self.close_connection = True
                return None
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, parts.path, headers, body)
            if request.path.startswith("/_"):
                return self.send(standin.steer(request, parse_qs(parts.query)))
            return self.send(standin.receive(request))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

        def send(self, answer, close=False):
            if answer.delay_ms:
                time.sleep(answer.delay_ms / 1000)
            if answer.close:
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, str(value))
            if close:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body[:len(answer.body) // 2] if answer.cut else answer.body)
            if answer.cut:
                self.close_connection = True

    return Handler


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A thread for each connection; a client that vanishes is no error worth a trace."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 1024

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, socket.timeout)):
            super().handle_error(request, client_address)


def write_atomically(path, text):
    """Write a file so that whoever waits for it never reads half of it."""
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


def common_options(description):
    """Make a parser with the options that every stand-in has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 (default): a free one")
    parser.add_argument("--port-file", help="write the port here once it listens")
    parser.add_argument("--log", help="append what is received here, JSON lines")
    return parser


def end_on_signal(stop):
    """Call stop() on SIGTERM and SIGINT, from a thread of its own."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=stop).start())


def main(standin_class, description):
    """Run a stand-in until SIGTERM."""
    parser = common_options(description)
    standin_class.add_options(parser)
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), make_handler(standin_class(options)))
    end_on_signal(server.shutdown)
    if options.port_file:
        write_atomically(options.port_file, f"{server.server_address[1]}\n")
    server.serve_forever(poll_interval=0.1)
