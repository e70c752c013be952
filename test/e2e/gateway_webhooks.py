"""Print the headers that a vendor would sign a body with, one to a line. gateway_webhooks.py VENDOR SECRET URL FILE [AGE_S]

Written after the vendors' documentation, apart from the C++ that checks it. The body is FILE, byte by byte.
"""

import base64
import hashlib
import hmac
import sys
import time

vendor, secret, url, path = sys.argv[1:5]
age = int(sys.argv[5]) if len(sys.argv) > 5 else 0
with open(path, "rb") as file:
    body = file.read()
now = time.time() - age
seconds = str(int(now))
millis = str(int(now * 1000))
iso = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
message = "msg_" + hashlib.sha256(body).hexdigest()[:16]


def mac(*parts, key=None):
    joined = b"".join(p if isinstance(p, bytes) else p.encode() for p in parts)
    return hmac.new(secret.encode() if key is None else key, joined, hashlib.sha256)


def b64(digest):
    return base64.b64encode(digest.digest()).decode()


def whsec(prefix):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = "v1," + b64(mac(message, ".", seconds, ".", body, key=key))
    return {f"{prefix}-id": message, f"{prefix}-timestamp": seconds, f"{prefix}-signature": signature}


headers = {
    "github": lambda: {"X-Hub-Signature-256": "sha256=" + mac(body).hexdigest()},
    "gohighlevel": lambda: {"X-NTPP-Secret": secret},
    "hubspot": lambda: {"X-HubSpot-Request-Timestamp": millis, "X-HubSpot-Signature-v3": b64(mac("POST", url, body, millis))},
    "pipedrive": lambda: {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()},
    "zendesk": lambda: {"X-Zendesk-Webhook-Signature-Timestamp": iso, "X-Zendesk-Webhook-Signature": b64(mac(iso, body))},
    "slack": lambda: {"X-Slack-Request-Timestamp": seconds, "X-Slack-Signature": "v0=" + mac("v0:", seconds, ":", body).hexdigest()},
    "pagerduty": lambda: {"X-PagerDuty-Signature": "v1=" + mac(body).hexdigest(), "X-Webhook-Id": message},
    "resend": lambda: whsec("svix"),
    "standard": lambda: whsec("webhook"),
    "generic": lambda: {"X-Signature-256": mac(body).hexdigest()},
}
for name, value in headers[vendor]().items():
    print(f"{name}: {value}")
