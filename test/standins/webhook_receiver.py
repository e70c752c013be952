#!/usr/bin/env python3
"""A receiver of signed webhooks: verifies Standard Webhooks signatures, counts ids, fails and delays as scripted.

Any path but /_… is an endpoint. --secret (or {"path": p, "secret": s} to /_control; "secrets": [s, …] during a rotation)
gives the whsec_ keys; a path without a key takes everything and counts it as unverified. /_control also takes "status"
(answer all requests with it; null ends that), "fail_rate", "drop_rate" and "delay_ms". GET /_ids: {webhook-id: accepted}.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time

from standin import Answer, Standin, main

TOLERANCE = 300  # seconds either way, as in the reference libraries
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def key_of(secret):
    """Return the key bytes of a whsec_ secret: the base64 part decoded. Raises ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError(f"not a whsec_ secret: {error}") from None
    if not key:
        raise ValueError("an empty secret verifies nothing")
    return key


def verify(headers, body, keys, now):
    """Return None for a good signature, else one word for what is wrong with the request."""
    if any(not headers.get(name) for name in HEADERS):
        return "missing_header"
    message_id, stamp, signatures = (headers[name] for name in HEADERS)
    if not stamp.isdigit():
        return "bad_timestamp"
    if abs(now - int(stamp)) > TOLERANCE:
        return "timestamp_out_of_tolerance"
    signed = f"{message_id}.{stamp}.".encode() + body
    expected = [b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()) for key in keys]
    for candidate in signatures.encode().split(b" "):
        if any(hmac.compare_digest(candidate, good) for good in expected):
            return None
    return "bad_signature"


class Receiver(Standin):
    name = "webhook_receiver"

    @classmethod
    def add_options(cls, parser):
        parser.add_argument("--secret", action="append", default=[], help="whsec_… for every path without its own")
        parser.add_argument("--fail-rate", type=float, default=0.0, help="share of requests refused, 0..1")
        parser.add_argument("--fail-status", type=int, default=500, help="status of a refused request")
        parser.add_argument("--drop-rate", type=float, default=0.0, help="share taken in but left without an answer")
        parser.add_argument("--delay-ms", type=int, default=0, help="wait before each answer")
        parser.add_argument("--seed", default="1", help="which requests fail: a function of seed, webhook-id and try")
        parser.add_argument("--keep-bodies", type=int, default=65536, help="bytes of each body kept in the log")

    def __init__(self, options):
        self.keys = {None: [key_of(secret) for secret in options.secret]}
        self.fail_rate, self.drop_rate, self.delay_ms = options.fail_rate, options.drop_rate, options.delay_ms
        self.status = None
        super().__init__(options)

    def reset(self):
        super().reset()
        self.ids = {}
        self.tries = {}

    def control(self, command):
        secrets = command.get("secrets", [command["secret"]] if "secret" in command else None)
        if secrets is not None:
            self.keys[command.get("path")] = [key_of(secret) for secret in secrets]
        self.fail_rate = float(command.get("fail_rate", self.fail_rate))
        self.drop_rate = float(command.get("drop_rate", self.drop_rate))
        self.delay_ms = int(command.get("delay_ms", self.delay_ms))
        if "status" in command:
            self.status = command["status"]

    def stats(self):
        with self.lock:
            accepted = sum(self.ids.values())
            return {"requests": 0, "bad_signature": 0, "unverified": 0, "failed": 0, "dropped": 0, **self.counters,
                    "accepted": accepted, "distinct_ids": len(self.ids), "duplicates": accepted - len(self.ids)}

    def steer(self, request, query):
        if request.method == "GET" and request.path == "/_ids":
            with self.lock:
                return Answer.json(self.ids)
        return super().steer(request, query)

    def drawn(self, what, rate, message_id, attempt):
        """Decide whether this try is hit, the same for every run with the same seed, however threads interleave."""
        if rate <= 0:
            return False
        digest = hashlib.sha256(f"{self.options.seed}:{what}:{message_id}:{attempt}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64 < rate

    def receive(self, request):
        with self.lock:
            answer = self.judge(request)
        answer.delay_ms = max(answer.delay_ms, self.delay_ms)
        return answer

    def judge(self, request):
        self.count("requests")
        if request.method != "POST":
            return Answer(405, "POST only")
        message_id = request.headers.get("webhook-id", "")
        attempt = self.tries[message_id] = self.tries.get(message_id, 0) + 1
        keys = self.keys.get(request.path, self.keys[None])
        problem = verify(request.headers, request.body, keys, time.time()) if keys else None
        if problem:
            self.count("bad_signature")
            self.count(f"refused_{problem}")
            self.keep(request, message_id, problem, False)
            return Answer(401 if problem == "bad_signature" else 400, problem)
        step = self.scripted(request.path)
        if not step and self.status is not None:
            step = {"status": self.status, "record": 200 <= self.status < 300}
        if not step and self.drawn("fail", self.fail_rate, message_id, attempt):
            step = {"status": self.options.fail_status}
        if not step and self.drawn("drop", self.drop_rate, message_id, attempt):
            step = {"status": 200, "close": True, "record": True}
        if step and not step.get("record", 200 <= step.get("status", 500) < 300):
            self.count("failed")
            return self.answer_of(step)
        if not keys:
            self.count("unverified")
        first = message_id not in self.ids
        self.ids[message_id] = self.ids.get(message_id, 0) + 1
        self.keep(request, message_id, None, not first, verified=bool(keys))
        if step:
            self.count("dropped" if step.get("close") else "scripted")
            return self.answer_of(step)
        return Answer.json({"ok": True, "duplicate": not first})

    def keep(self, request, message_id, problem, duplicate, verified=False):
        body = request.body[:self.options.keep_bodies].decode("utf-8", "replace")
        try:
            event_type = json.loads(request.body).get("type")
        except (ValueError, AttributeError, RecursionError):
            event_type = None
        self.record({"at": request.at, "path": request.path, "id": message_id, "type": event_type, "body": body,
                     "timestamp": request.headers.get("webhook-timestamp"), "problem": problem, "verified": verified,
                     "duplicate": duplicate, "content_type": request.headers.get("content-type")})


if __name__ == "__main__":
    main(Receiver, __doc__.splitlines()[0])
