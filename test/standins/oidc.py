#!/usr/bin/env python3
"""A stand-in for an identity provider (OpenID Connect) that publishes its keys and signs what a test asks for.

GET /jwks. How it signs, and how it fails: README.md beside this file.
"""

import base64
import hashlib
import hmac
import json
import random
import secrets

from standin import Answer, Standin, main

DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # of SHA-256, RFC 8017 §9.2


def is_prime(number):
    """Tell whether a large odd number is prime, but for a chance of 2^-64."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(32):
        value = pow(random.randrange(2, number - 1), odd, number)
        if value in (1, number - 1):
            continue
        for _ in range(twos - 1):
            value = value * value % number
            if value == number - 1:
                break
        else:
            return False
    return True


def new_prime(bits):
    """Give a prime of so many bits, the two highest set, that suits the exponent 65537."""
    small = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n ** 0.5) + 1, 2))]
    while True:
        number = secrets.randbits(bits) | 3 << (bits - 2) | 1
        if all(number % n for n in small) and number % 65537 != 1 and is_prime(number):
            return number


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value):
    return base64url(json.dumps(value, separators=(",", ":")).encode())


class Key:
    """An RSA key of 2048 bits. Good for tests alone: its arithmetic takes no care of time."""

    def __init__(self, kid):
        self.kid = kid
        p, q = new_prime(1024), new_prime(1024)
        self.modulus = p * q
        self.private = pow(65537, -1, (p - 1) * (q - 1))

    def jwk(self):
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": base64url(self.modulus.to_bytes(256, "big")), "e": "AQAB",
                "x5c": ["of no use here"]}

    def sign(self, data):
        tail = DIGEST_INFO + hashlib.sha256(data).digest()
        padded = b"\x00\x01" + b"\xff" * (253 - len(tail)) + b"\x00" + tail
        return pow(int.from_bytes(padded, "big"), self.private, self.modulus).to_bytes(256, "big")


class Oidc(Standin):
    name = "oidc"

    def __init__(self, options):
        self.made = 0
        self.old = None
        self.trick = None
        self.foreign = Key("key-1")
        super().__init__(options)
        self.key = self.new_key()

    def new_key(self):
        self.made += 1
        return Key(f"key-{self.made}")

    def control(self, command):
        if command.get("rotate"):
            self.old, self.key = self.key, self.new_key()
        if "trick" in command:
            self.trick = command["trick"]

    def receive(self, request):
        if request.path == "/token" and request.method == "POST":
            return Answer(200, self.token(json.loads(request.body)))
        if request.path != "/jwks":
            return Answer.json({"error": "not_found"}, 404)
        self.count("jwks")
        with self.lock:
            self.record({"at": request.at, "method": request.method, "headers": request.headers, "body": len(request.body)})
            step = self.scripted(request.path)
            if step:
                return self.answer_of(step)
            keys = [key.jwk() for key in (self.key, self.old) if key]
        return {
            "gone": lambda: Answer.json({"error": "gone"}, 404),
            "rubbish": lambda: Answer(200, "<html>Maintenance</html>", content_type="text/html"),
            "half": lambda: Answer(200, json.dumps({"keys": keys}), content_type="application/json", cut=True),
            "huge": lambda: Answer.json({"keys": keys, "more": "x" * 1_000_000}),
            "many": lambda: Answer.json({"keys": [{"kty": "oct", "k": "c2VjcmV0"}] + keys * 100}),
            "redirect": lambda: Answer(302, "", {"Location": "http://169.254.169.254/latest/meta-data/"}),
        }.get(self.trick, lambda: Answer.json({"keys": keys}))()

    def token(self, order):
        """Sign claims as ordered: {"claims": {}, "alg": "RS256", "key": "new|old|foreign", "kid": null}."""
        key = {"old": self.old, "foreign": self.foreign}.get(order.get("key"), self.key)
        alg = order.get("alg", "RS256")
        text = compact({"alg": alg, "typ": "JWT", "kid": order.get("kid") or key.kid}) + "." + compact(order["claims"])
        if alg == "none":
            return text + "."
        if alg == "HS256":  # with what is public of the key as the secret
            return text + "." + base64url(hmac.new(json.dumps(key.jwk()).encode(), text.encode(), hashlib.sha256).digest())
        return text + "." + base64url(key.sign(text.encode()))


if __name__ == "__main__":
    main(Oidc, __doc__.splitlines()[0])
