#!/usr/bin/env python3
"""A receiver of signed webhooks for the chaos test: notes every request before it answers, and answers some badly.

Bad answers are drawn from the seed, the webhook-id and the number of the try: 429 with Retry-After, 500, an answer cut in
its status line ("half_status"), in its head or in its body ("half_head", "half_body": its status arrived, so the message
counts as taken), and none at all ("silent"). A timestamp outside the tolerance of Standard Webhooks is refused with 400
("stale"). Each request is one line of the --log file: at, id, n (of the load), sha256 of the body, path, answer.
"""

import hashlib
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from standin import Answer, Server, Standin, common_options, end_on_signal, make_handler, write_atomically  # noqa: E402
from webhook_receiver import key_of, verify  # noqa: E402

BAD = (("429", 0.015), ("500", 0.03), ("half_status", 0.01), ("half_head", 0.01), ("half_body", 0.01), ("silent", 0.015))

CUTS = {
    "silent": b"",
    "half_status": b"HTTP/1.1 2",
    "half_head": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Le",
    "half_body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it",
}


class Receiver(Standin):
    name = "chaos_receiver"

    @classmethod
    def add_options(cls, parser):
        parser.add_argument("--secret", required=True, help="whsec_… of every endpoint")
        parser.add_argument("--delay-ms", type=int, default=0, help="wait before each answer")
        parser.add_argument("--seed", default="1", help="draws the bad answers")

    def __init__(self, options):
        self.keys = [key_of(options.secret)]
        self.tries = {}
        super().__init__(options)

    def answer_for(self, request):
        problem = verify(request.headers, request.body, self.keys, time.time())
        if problem:
            return "stale" if problem == "timestamp_out_of_tolerance" else problem
        message_id = request.headers["webhook-id"]
        attempt = self.tries[message_id] = self.tries.get(message_id, 0) + 1
        digest = hashlib.sha256(f"{self.options.seed}:{message_id}:{attempt}".encode()).digest()
        drawn = int.from_bytes(digest[:8], "big") / 2**64
        for name, rate in BAD:
            if drawn < rate:
                return name
            drawn -= rate
        return "200"

    def receive(self, request):
        try:
            n = json.loads(request.body)["data"]["n"]
        except (ValueError, KeyError, TypeError):
            n = None
        with self.lock:
            name = self.answer_for(request)
            self.log_file.write(json.dumps({
                "at": request.at, "id": request.headers.get("webhook-id", ""), "n": n, "path": request.path,
                "sha": hashlib.sha256(request.body).hexdigest(), "answer": name}) + "\n")
            self.log_file.flush()
        status = {"429": 429, "500": 500}.get(name, 200 if name in CUTS or name == "200" else 400)
        answer = Answer(status, name, {"Retry-After": "1"} if name == "429" else None, delay_ms=self.options.delay_ms)
        answer.cut = CUTS.get(name)
        return answer


def cutting_handler(standin):
    """Make the connection handler that can also break off in the middle of an answer."""

    class Handler(make_handler(standin)):
        def send(self, answer, close=False):
            cut = getattr(answer, "cut", None)
            if cut is None:
                return super().send(answer, close)
            time.sleep(answer.delay_ms / 1000)
            self.close_connection = True
            self.wfile.write(cut)
            return None

    return Handler


def main():
    parser = common_options(__doc__.splitlines()[0])
    Receiver.add_options(parser)
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), cutting_handler(Receiver(options)))
    end_on_signal(server.shutdown)
    write_atomically(options.port_file, f"{server.server_address[1]}\n")
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
