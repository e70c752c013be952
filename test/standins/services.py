#!/usr/bin/env python3
"""A stand-in for services that are asked: an enrichment API and a language model behind chat completions.

POST /enrich and POST /v1/chat/completions, each with a bearer token. What they say, and how they fail: README.md beside
this file.
"""

import json

from standin import Answer, Standin, main

QUALIFICATION = {
    "qualification_score": 86,
    "reasons": [{"points": 50, "reason": "An agency that sells services."},
                {"points": 36, "reason": "Buys traffic and has no CRM."}],
    "estimated_monthly_revenue_leak": 4200,
    "interest_profile": {"pain_points": ["Leads are lost in an inbox."], "infrastructure_gaps": ["No CRM."],
                         "budget_signals": [], "timeline_signals": []},
}
ANALYSIS = {
    "buying_signal_score": 70, "summary": "The prospect wants to begin soon.", "intent": "Wants a proposal.",
    "buying_signals": [{"sentence": "When can we start?", "reason": "Asks for a date."}],
    "next_steps": ["Send the proposal."],
}
FACTS = {"company_name": "Example Agency", "industry": "Marketing agency", "employee_count": 24, "location": "Leeds",
         "revenue_band": "$1M - $10M"}


def completion(text, model="m-1", refusal=None):
    """Return the body of a chat completion that says text."""
    message = {"role": "assistant", "content": text}
    if refusal:
        message["refusal"] = refusal
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366}}


class Services(Standin):
    name = "services"

    @classmethod
    def add_options(cls, parser):
        parser.add_argument("--key", action="append", default=[], help="a key that is taken; none given: any")

    def __init__(self, options):
        self.keys = list(options.key)
        self.said = {"qualify": QUALIFICATION, "analyze": ANALYSIS, "enrich": FACTS}
        self.unknown = []
        super().__init__(options)

    def reset(self):
        super().reset()
        self.seen = set()

    def control(self, command):
        for purpose in self.said:
            if purpose in command:
                self.said[purpose] = command[purpose]
        self.unknown = command.get("unknown", self.unknown)
        self.keys = command.get("keys", self.keys)

    def stats(self):
        with self.lock:
            return {"requests": 0, "enrich": 0, "model": 0, "unauthorized": 0, "refused": 0, "repeated": 0, **self.counters}

    def receive(self, request):
        self.count("requests")
        with self.lock:
            token = request.headers.get("authorization", "")
            if self.keys and token not in [f"Bearer {key}" for key in self.keys]:
                self.count("unauthorized")
                # As the real ones do, it quotes what it was given.
                return Answer.json({"error": {"message": f"Incorrect API key provided: {token[7:]}", "code": "invalid_api_key"}}, 401)
            try:
                question = json.loads(request.body)
            except ValueError:
                question = None
            purpose = self.purpose_of(request, question)
            if purpose is None:
                self.count("refused")
                wrong = 404 if request.path not in ("/enrich", "/v1/chat/completions") else 400
                return Answer.json({"error": {"message": "no such request", "type": "invalid_request_error"}}, wrong)
            name = request.headers.get("idempotency-key")
            if name in self.seen:
                self.count("repeated")
            self.seen.add(name)
            self.record({"at": request.at, "purpose": purpose, "idempotency_key": name, "body": question})
            return self.say(purpose, question, self.scripted(request.path))

    @staticmethod
    def purpose_of(request, question):
        """Say what is asked: enrich, qualify or analyze; None for what is no request that the worker may send."""
        if request.method != "POST" or not request.headers.get("content-type", "").startswith("application/json"):
            return None
        if not isinstance(question, dict):
            return None
        if request.path == "/enrich":
            return "enrich" if set(question) == {"email", "domain"} else None
        messages = question.get("messages")
        good = (request.path == "/v1/chat/completions" and isinstance(question.get("model"), str)
                and question.get("response_format") == {"type": "json_object"} and not question.get("stream")
                and isinstance(messages, list) and [m.get("role") for m in messages] == ["system", "user"])
        if not good:
            return None
        lines = messages[1]["content"].split("\n")
        if len(lines) != 3 or lines[0] != "BEGIN DATA" or lines[2] != "END DATA" or not isinstance(json.loads(lines[1]), dict):
            return None
        return "analyze" if "buying_signal_score" in messages[0]["content"] else "qualify"

    def say(self, purpose, question, step):
        """Answer a good request, by the script where there is one."""
        step = step or {}
        if "status" in step or step.get("close"):
            return self.answer_of(step)
        if purpose == "enrich":
            if question["domain"] in self.unknown:
                return Answer.json({"error": "nothing known"}, 404)
            body = self.said["enrich"]
        else:
            text = json.dumps(self.said[purpose])
            body = {
                "prose": lambda: completion(f"Sure! Here is my judgement:\n{text}\nAsk me anything else."),
                "fenced": lambda: completion(f"```json\n{text}\n```"),
                "invalid": lambda: completion(text[:len(text) // 2] + "}"),
                "refusal": lambda: completion(None, refusal="I cannot help with that."),
                "error": lambda: {"error": {"code": 502, "message": "Provider returned error"}},
                "empty": lambda: {},
            }.get(step.get("trick"), lambda: completion(text, question["model"]))()
        self.count("enrich" if purpose == "enrich" else "model")
        answer = Answer.json(body)
        answer.delay_ms = int(step.get("delay_ms", 0))
        answer.cut = step.get("trick") == "half"
        return answer


if __name__ == "__main__":
    main(Services, __doc__.splitlines()[0])
