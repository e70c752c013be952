#!/usr/bin/env python3
"""A stand-in for Slack's incoming webhooks: POST /services/T…/B…/X… with Slack's own answers, Block Kit checks and rate.

Without --channel (and before the first {"channel": path}) every well-formed path is a channel. /_control also takes
"channel", "archive", "unarchive", "revoke" (403 invalid_token) and "remove" (404 no_service), each with a path, and
"rate" and "burst". Which limits are checked, and where they come from: README.md beside this file.
"""

import json
import math
import re
import time
from urllib.parse import parse_qs

from standin import Answer, Standin, main

PATH = re.compile(r"/services/(T[A-Za-z0-9]+)/(B[A-Za-z0-9]+)/([A-Za-z0-9]+)\Z")
BROADCAST = re.compile(r"<!(channel|here|everyone)")
BLOCK_TYPES = {"section", "header", "divider", "context", "actions", "image", "rich_text", "input", "video", "file"}


class Refused(Exception):
    """A payload that Slack refuses; its text is the answer's body."""


def need(condition, code="invalid_blocks"):
    if not condition:
        raise Refused(code)


def text_object(value, limit, kinds=("plain_text", "mrkdwn")):
    need(isinstance(value, dict) and value.get("type") in kinds)
    need(isinstance(value.get("text"), str) and 1 <= len(value["text"]) <= limit)


def check_element(element):
    need(isinstance(element, dict) and isinstance(element.get("type"), str))
    need(len(element.get("action_id", "")) <= 255)
    if element["type"] == "button":
        text_object(element.get("text"), 75, ("plain_text",))
        need(len(element.get("url", "")) <= 3000 and len(element.get("value", "")) <= 2000)


def check_block(block):
    need(isinstance(block, dict) and block.get("type") in BLOCK_TYPES)
    need(isinstance(block.get("block_id", ""), str) and len(block.get("block_id", "")) <= 255)
    kind = block["type"]
    if kind == "section":
        fields = block.get("fields", [])
        need("text" in block or fields)
        if "text" in block:
            text_object(block["text"], 3000)
        need(isinstance(fields, list) and len(fields) <= 10)
        for field in fields:
            text_object(field, 2000)
    elif kind == "header":
        text_object(block.get("text"), 150, ("plain_text",))
    elif kind == "context":
        elements = block.get("elements")
        need(isinstance(elements, list) and 1 <= len(elements) <= 10)
        for element in elements:
            if not (isinstance(element, dict) and element.get("type") == "image"):
                text_object(element, 3000)
    elif kind == "actions":
        elements = block.get("elements")
        need(isinstance(elements, list) and 1 <= len(elements) <= 25)
        for element in elements:
            check_element(element)
    elif kind == "image":
        need(isinstance(block.get("image_url"), str) and len(block["image_url"]) <= 3000)
        need(isinstance(block.get("alt_text"), str) and len(block["alt_text"]) <= 2000)


def parse(request):
    """Return the payload of a request; raise Refused with the word Slack answers."""
    raw = request.body
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raw = parse_qs(raw.decode("utf-8", "replace")).get("payload", [""])[0]
    try:
        payload = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused("invalid_payload") from None
    need(isinstance(payload, dict), "invalid_payload")
    text, blocks, attachments = payload.get("text"), payload.get("blocks"), payload.get("attachments")
    need(text is None or isinstance(text, str), "invalid_payload")
    need(text or blocks or attachments, "no_text")
    need(not isinstance(attachments, list) or len(attachments) <= 100, "too_many_attachments")
    need(len(text or "") <= 40000, "msg_too_long")
    if blocks is not None:
        need(isinstance(blocks, list) and len(blocks) <= 50)
        for block in blocks:
            check_block(block)
    return payload


class Slack(Standin):
    name = "slack"

    @classmethod
    def add_options(cls, parser):
        parser.add_argument("--rate", type=float, default=1.0, help="messages a second per channel; 0: no limit")
        parser.add_argument("--burst", type=float, default=10.0, help="messages at once before the rate counts")
        parser.add_argument("--channel", action="append", default=[], help="a /services/… path that exists")

    def __init__(self, options):
        self.rate, self.burst = options.rate, options.burst
        self.channels = set(options.channel)
        super().__init__(options)

    def reset(self):
        super().reset()
        self.archived, self.revoked, self.removed = set(), set(), set()
        self.buckets = {}

    def control(self, command):
        if "channel" in command:
            self.channels.add(command["channel"])
        if "archive" in command:
            self.archived.add(command["archive"])
        if "unarchive" in command:
            self.archived.discard(command["unarchive"])
        if "revoke" in command:
            self.revoked.add(command["revoke"])
        if "remove" in command:
            self.removed.add(command["remove"])
        self.rate = float(command.get("rate", self.rate))
        self.burst = float(command.get("burst", self.burst))

    def stats(self):
        with self.lock:
            return {"requests": 0, "messages": len(self.log), "refused": 0, "rate_limited": 0, "broadcasts": 0,
                    **self.counters}

    def wait_seconds(self, path):
        """Take a token of the channel's bucket; return 0, or the whole seconds until there is one."""
        if self.rate <= 0:
            return 0
        now = time.monotonic()
        tokens, since = self.buckets.get(path, (self.burst, now))
        tokens = min(self.burst, tokens + (now - since) * self.rate)
        if tokens < 1:
            self.buckets[path] = (tokens, now)
            return max(1, math.ceil((1 - tokens) / self.rate))
        self.buckets[path] = (tokens - 1, now)
        return 0

    def find_channel(self, path):
        """Return None for a channel that takes messages, else the Answer Slack gives."""
        parts = PATH.match(path)
        if not parts or path in self.removed:
            return Answer(404, "no_service")
        if path in self.revoked:
            return Answer(403, "invalid_token")
        if self.channels and path not in self.channels:
            same = path.rsplit("/", 1)[0]
            known = any(channel.rsplit("/", 1)[0] == same for channel in self.channels)
            return Answer(403, "invalid_token") if known else Answer(404, "no_service")
        if path in self.archived:
            return Answer(410, "channel_is_archived")
        return None

    def keep(self, request, payload):
        text = json.dumps(payload, ensure_ascii=False)
        if BROADCAST.search(text):
            self.count("broadcasts")
        self.record({"at": request.at, "path": request.path, "text": payload.get("text"),
                     "blocks": payload.get("blocks")})

    def receive(self, request):
        self.count("requests")
        with self.lock:
            answer = self.judge(request)
        if answer.status == 429:
            self.count("rate_limited")
        elif answer.status != 200 or answer.close:
            self.count("refused")
        self.count(f"status_{answer.status}")
        return answer

    def judge(self, request):
        if request.method != "POST":
            return Answer(405, "method_not_allowed")
        refusal = self.find_channel(request.path)
        if refusal:
            return refusal
        step = self.scripted(request.path)
        if step and not step.get("record"):
            return self.answer_of({"body": "rollup_error", **step} if step.get("status", 500) == 500 else step)
        wait = self.wait_seconds(request.path)
        if wait:
            return Answer(429, "rate_limited", {"Retry-After": wait})
        try:
            payload = parse(request)
        except Refused as refused:
            return Answer(400, str(refused))
        self.keep(request, payload)
        return self.answer_of(step) if step else Answer(200, "ok", content_type="text/plain")


if __name__ == "__main__":
    main(Slack, __doc__.splitlines()[0])
