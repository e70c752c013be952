#!/usr/bin/env python3
"""Tests of the stand-ins themselves: a judge that judges wrongly is worse than none. Run: python3 standins_test.py"""

import argparse
import base64
import hashlib
import json
import unittest

from oidc import Oidc
from services import Services
from slack import Slack
from standin import Request
from webhook_receiver import Receiver, key_of, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STAMP = 1614265330
SIGNED = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": str(STAMP),
          "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}
BODY = b'{"test": 2432232314}'
PATH = "/services/T0/B0/abc"


class Signature(unittest.TestCase):
    def judge(self, body=BODY, now=STAMP, **changed):
        return verify({**SIGNED, **changed}, body, [key_of(SECRET)], now)

    def test_published_vector_is_good(self):
        self.assertIsNone(self.judge())

    def test_one_good_signature_among_several_suffices(self):
        signatures = "v1a,xx v1,AAAA " + SIGNED["webhook-signature"]
        self.assertIsNone(self.judge(**{"webhook-signature": signatures}))

    def test_changed_body_id_or_version_is_bad(self):
        self.assertEqual(self.judge(body=BODY + b" "), "bad_signature")
        self.assertEqual(self.judge(**{"webhook-id": "msg_other"}), "bad_signature")
        unversioned = SIGNED["webhook-signature"].replace("v1,", "v2,")
        self.assertEqual(self.judge(**{"webhook-signature": unversioned}), "bad_signature")

    def test_tolerance_is_five_minutes_either_way(self):
        self.assertIsNone(self.judge(now=STAMP + 300))
        self.assertIsNone(self.judge(now=STAMP - 300))
        self.assertEqual(self.judge(now=STAMP + 301), "timestamp_out_of_tolerance")
        self.assertEqual(self.judge(now=STAMP - 301), "timestamp_out_of_tolerance")

    def test_missing_and_malformed_headers(self):
        self.assertEqual(self.judge(**{"webhook-signature": ""}), "missing_header")
        self.assertEqual(self.judge(**{"webhook-timestamp": "soon"}), "bad_timestamp")
        self.assertRaises(ValueError, key_of, "whsec_")

    def test_draws_repeat(self):
        options = argparse.Namespace(log=None, secret=[], fail_rate=0.3, fail_status=500, drop_rate=0, delay_ms=0, seed="1",
                                     keep_bodies=10)
        ids = [f"msg_{n}" for n in range(1000)]
        first, second = (Receiver(options) for _ in range(2))
        failed = [receiver.receive(Request("POST", "/hook", {"webhook-id": name}, b"{}")).status == 500
                  for receiver in (first,) for name in ids]
        again = [second.receive(Request("POST", "/hook", {"webhook-id": name}, b"{}")).status == 500 for name in reversed(ids)]
        self.assertEqual(failed, again[::-1])
        self.assertTrue(250 < sum(failed) < 350)


class SlackAnswers(unittest.TestCase):
    def setUp(self):
        self.slack = Slack(argparse.Namespace(log=None, rate=0.0, burst=1.0, channel=[]))

    def post(self, payload, path=PATH):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        answer = self.slack.receive(Request("POST", path, {"content-type": "application/json"}, body))
        return answer.status, answer.body.decode()

    def blocks(self, *blocks):
        return self.post({"blocks": list(blocks)})

    def test_good_messages(self):
        self.assertEqual(self.post({"text": "hello"}), (200, "ok"))
        field = {"type": "mrkdwn", "text": "*Deal:*\nx"}
        self.assertEqual(self.blocks({"type": "header", "text": {"type": "plain_text", "text": "h" * 150}},
                                     {"type": "section", "fields": [field] * 10}, {"type": "divider"}), (200, "ok"))

    def test_payloads_that_slack_refuses(self):
        self.assertEqual(self.post(b"{bad"), (400, "invalid_payload"))
        self.assertEqual(self.post(b"[]"), (400, "invalid_payload"))
        self.assertEqual(self.post({"text": ""}), (400, "no_text"))

    def test_limits_of_block_kit(self):
        def text(length):
            return {"type": "mrkdwn", "text": "x" * length}
        refused = (400, "invalid_blocks")
        self.assertEqual(self.blocks({"type": "section", "text": text(3001)}), refused)
        self.assertEqual(self.blocks({"type": "section", "text": text(0)}), refused)
        self.assertEqual(self.blocks({"type": "section", "fields": [text(5)] * 11}), refused)
        self.assertEqual(self.blocks({"type": "section", "fields": [text(2001)]}), refused)
        self.assertEqual(self.blocks({"type": "header", "text": {"type": "plain_text", "text": "h" * 151}}), refused)
        self.assertEqual(self.blocks({"type": "header", "text": text(5)}), refused)
        self.assertEqual(self.blocks(*[{"type": "divider"}] * 51), refused)
        self.assertEqual(self.blocks({"type": "banner"}), refused)

    def test_channels(self):
        self.assertEqual(self.post({"text": "x"}, "/nowhere"), (404, "no_service"))
        self.slack.control({"channel": PATH})
        self.assertEqual(self.post({"text": "x"}, "/services/T0/B0/wrong"), (403, "invalid_token"))
        self.assertEqual(self.post({"text": "x"}, "/services/T0/B9/abc"), (404, "no_service"))
        self.slack.control({"archive": PATH})
        self.assertEqual(self.post({"text": "x"}), (410, "channel_is_archived"))

    def test_rate_per_channel(self):
        self.slack.control({"rate": 1, "burst": 2})
        self.assertEqual([self.post({"text": "x"})[0] for _ in range(4)], [200, 200, 429, 429])
        self.assertEqual(self.post({"text": "x"}, PATH + "d")[0], 200)

    def test_an_answer_that_is_lost_still_counts_as_received(self):
        self.slack.script.append({"close": True, "record": True})
        answer = self.slack.receive(Request("POST", PATH, {}, b'{"text": "x <!channel>"}'))
        self.assertTrue(answer.close)
        self.assertEqual((self.slack.stats()["messages"], self.slack.stats()["broadcasts"]), (1, 1))


class ServiceAnswers(unittest.TestCase):
    def setUp(self):
        self.services = Services(argparse.Namespace(log=None, key=["sk-test-0123456789"]))
        self.question = {"model": "m-1", "response_format": {"type": "json_object"}, "messages": [
            {"role": "system", "content": 'Give "qualification_score".'}, {"role": "user", "content": "BEGIN DATA\n{}\nEND DATA"}]}

    def ask(self, path="/v1/chat/completions", key="sk-test-0123456789", **changed):
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "idempotency-key": "msg_1"}
        return self.services.receive(Request("POST", path, headers, json.dumps({**self.question, **changed}).encode()))

    def test_a_good_request_gets_a_completion(self):
        answer = self.ask()
        self.assertEqual(answer.status, 200)
        said = json.loads(json.loads(answer.body)["choices"][0]["message"]["content"])
        self.assertIn("qualification_score", said)
        self.assertEqual(self.services.stats()["model"], 1)

    def test_a_wrong_key_is_refused_and_not_kept(self):
        self.assertEqual(self.ask(key="sk-wrong").status, 401)
        self.assertNotIn("sk-", json.dumps(self.services.log))
        self.services.control({"keys": ["sk-wrong"]})
        self.assertEqual(self.ask(key="sk-wrong").status, 200)

    def test_a_request_without_fence_or_format_is_refused(self):
        self.assertEqual(self.ask(response_format=None).status, 400)
        self.assertEqual(self.ask(messages=[self.question["messages"][0]]).status, 400)
        self.assertEqual(self.ask(path="/elsewhere").status, 404)

    def test_tricks_are_used_up_in_order(self):
        self.services.script = [{"trick": "prose"}, {"trick": "half"}, {"trick": "invalid"}, {"status": 429}]
        self.assertIn("Sure", json.loads(self.ask().body)["choices"][0]["message"]["content"])
        self.assertTrue(self.ask().cut)
        with self.assertRaises(ValueError):
            json.loads(json.loads(self.ask().body)["choices"][0]["message"]["content"])
        self.assertEqual(self.ask().status, 429)
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.services.stats()["repeated"], 4)


class OidcTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = Oidc(argparse.Namespace(log=None))

    def get(self):
        return self.provider.receive(Request("GET", "/jwks", {}, b""))

    def token(self, **order):
        answer = self.provider.receive(Request("POST", "/token", {}, json.dumps({"claims": {"sub": "x"}, **order}).encode()))
        return answer.body.decode().split(".")

    def test_signs_by_the_key_it_publishes(self):
        jwk = json.loads(self.get().body)["keys"][0]
        modulus = int.from_bytes(base64.urlsafe_b64decode(jwk["n"] + "=="), "big")
        head, claims, signature = self.token()
        number = int.from_bytes(base64.urlsafe_b64decode(signature + "=="), "big")
        digest = hashlib.sha256(f"{head}.{claims}".encode()).digest()
        self.assertTrue(pow(number, 65537, modulus).to_bytes(256, "big").endswith(digest))
        self.assertEqual(self.token(alg="none")[2], "")

    def test_rotates_and_fails_as_told(self):
        before = self.provider.key.kid
        self.provider.control({"rotate": True})
        self.assertEqual([k["kid"] for k in json.loads(self.get().body)["keys"]], [self.provider.key.kid, before])
        for trick, status in [("gone", 404), ("rubbish", 200), ("redirect", 302), ("huge", 200), (None, 200)]:
            self.provider.control({"trick": trick})
            self.assertEqual(self.get().status, status)


if __name__ == "__main__":
    unittest.main()
