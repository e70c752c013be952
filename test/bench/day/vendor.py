#!/usr/bin/env python3
"""The stand-ins of the day: the webhook receiver and Slack of test/standins, each with an outage that can be ended.

    vendor.py webhooks|slack [--outage-status N] [options of that stand-in]

/_control also takes {"outage": {"status": 503, "headers": {...}, "delay_ms": 0}}: every request is answered so, and
none is taken, until {"outage": null}. --outage-status begins with one.
"""

import sys

from slack import Slack
from standin import main
from webhook_receiver import Receiver


class Outage:
    """Answers for another stand-in while the outage lasts."""

    @classmethod
    def add_options(cls, parser):
        super().add_options(parser)
        parser.add_argument("--outage-status", type=int, help="answer everything with this until the outage is ended")

    def __init__(self, options):
        self.outage = {"status": options.outage_status} if options.outage_status else None
        super().__init__(options)

    def control(self, command):
        super().control(command)
        self.outage = command.get("outage", self.outage)

    def receive(self, request):
        outage = self.outage
        if outage is None:
            return super().receive(request)
        self.count("in_outage")
        return self.answer_of(outage)


class Webhooks(Outage, Receiver):
    name = "webhooks"


class Chat(Outage, Slack):
    name = "slack"


if __name__ == "__main__":
    main({"webhooks": Webhooks, "slack": Chat}[sys.argv.pop(1)], __doc__.splitlines()[0])
