"""What the chaos test proves, from the database and the receiver's log, once everything has drained."""

import bisect
import collections
import csv
import io
import json

TAKEN = ("200", "half_head", "half_body")  # answers whose status reached the worker as a success, unless it died
NOISE = 0.05  # seconds between clocks of processes on one machine


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, words, good, detail=""):
        if good:
            self.passed += 1
            print(f"ok      {words}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED: {words}{': ' + str(detail) if detail else ''}", flush=True)

    def same(self, words, wanted, got):
        self.check(words, wanted == got, f"wanted {wanted}, got {got}")


def rows(server, query):
    """The rows of a query as dictionaries of text."""
    return list(csv.DictReader(io.StringIO(server.sql(f"COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER)", 120))))


class Deliveries:
    """What was sent, and why some of it twice."""

    def __init__(self, server, fleet, faults, receiver_log):
        self.fleet, self.faults, self.server = fleet, faults, server
        with open(receiver_log, encoding="utf-8") as file:
            self.requests = [json.loads(line) for line in file]
        self.job_of = {row["message_id"]: row["job_id"]
                       for row in rows(server, "SELECT message_id, job_id FROM sentinel.deliveries")}
        self.claims = collections.defaultdict(list)
        for row in rows(server, "SELECT id, lease, worker, outcome, error, extract(epoch FROM claimed_at) AS began, "
                                "extract(epoch FROM finished_at) AS ended FROM sentinel.job_history "
                                "WHERE job_type = 'send_webhook' AND lease > 0 ORDER BY claimed_at"):
            self.claims[row["id"]].append({**row, "began": float(row["began"]), "ended": float(row["ended"])})
        self.attempts = {(row["job_id"], row["lease"]): row for row in rows(
            server, "SELECT job_id, lease, held, decision, http_status, error_code FROM sentinel.delivery_attempts")}
        self.by_id = collections.defaultdict(list)
        for request in sorted(self.requests, key=lambda one: one["at"]):
            self.by_id[request["id"]].append(request)

    def note(self, duplicate):
        with open(f"{self.server.folder}/duplicates.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(duplicate) + "\n")

    def claim_of(self, request):
        claims = self.claims.get(self.job_of.get(request["id"]), [])
        at = bisect.bisect_right([claim["began"] for claim in claims], request["at"] + NOISE)
        return claims[at - 1] if at else None

    def why_again(self, before, after):
        """The recorded fault that made a message be sent again, or a word that begins with UNEXPLAINED."""
        claim = self.claim_of(before)
        if claim is None:
            return "UNEXPLAINED: sent without a claim"
        if before["answer"] not in TAKEN:
            if claim is self.claim_of(after):
                # libcurl itself repeats a request on a kept-alive connection that ended without a byte of answer.
                return ("answer cut, repeated by libcurl" if before["answer"] in ("silent", "half_status")
                        else f"UNEXPLAINED: {before['answer']} and again under one lease")
            return f"receiver answered {before['answer']}"
        if claim is self.claim_of(after):
            return "UNEXPLAINED: twice under one lease"
        attempt = self.attempts.get((claim["id"], claim["lease"]))
        if attempt and attempt["held"] == "t":
            return (f"worker saw {attempt['error_code']}" if attempt["decision"] != "delivered" and attempt["error_code"]
                    else "UNEXPLAINED: sent again after a good report")
        for name, at, why in self.fleet.deaths:
            if name == claim["worker"] and claim["began"] - NOISE <= at <= claim["ended"] + NOISE:
                return why if before["at"] <= claim["ended"] else f"{why}, and sent after that"
        # A worker that was away for a lease can neither renew it nor report.
        lease = self.fleet.lease_s + NOISE
        marks = [words for at, words in self.faults.marks if claim["ended"] - lease - 1 <= at <= claim["ended"]]
        if marks and before["at"] <= claim["ended"]:
            return f"report lost: {marks[0]}"
        return f"UNEXPLAINED: {claim['worker']} {claim['outcome']} {claim['error']}"

    def judge(self, report):
        """Check that each is one message; give the reasons of what came again, and of what was taken again."""
        bodies = collections.defaultdict(set)
        ids = collections.defaultdict(set)
        for request in self.requests:
            bodies[request["id"]].add(request["sha"])
            ids[request["n"]].add(request["id"])
        report.same("a message has the same body each time", 0, sum(len(one) > 1 for one in bodies.values()))
        report.same("a message has the same id each time", 0, sum(len(one) > 1 for one in ids.values()))
        report.same("messages that nobody asked for", 0, sum(one not in self.job_of for one in bodies))
        known = (*TAKEN, "429", "500", "half_status", "silent", "stale")
        report.same("signatures that do not verify", 0, sum(one["answer"] not in known for one in self.requests))
        again, taken_again = collections.Counter(), collections.Counter()
        for requests in self.by_id.values():
            for before, after in zip(requests, requests[1:]):
                again[self.why_again(before, after)] += 1
            taken = [one for one in requests if one["answer"] in TAKEN]
            for before in taken[:-1]:
                after = requests[requests.index(before) + 1]
                taken_again[self.why_again(before, after)] += 1
                self.note({"id": before["id"], "at": before["at"], "again": after["at"],
                           "why": self.why_again(before, after), "claim": self.claim_of(before)})
        unexplained = [why for why in again if why.startswith("UNEXPLAINED")]
        report.check("each repeated request is explained by a recorded fault or a bad answer", not unexplained,
                     unexplained)
        return again, taken_again


def judge(server, load, report):
    """The database's side: nothing lost, nothing twice, attempts that add up."""
    def count(words, query):
        report.same(words, 0, int(server.number(query)))

    missing = set(load.acknowledged) - {int(n) for n in server.sql("SELECT DISTINCT batch FROM chaos.wanted").split()}
    report.same("enqueued and acknowledged, but not there", set(), missing)
    lost = """SELECT count(*) FROM chaos.wanted w WHERE NOT CASE w.kind
        WHEN 'ledger' THEN EXISTS (SELECT FROM chaos.ledger l WHERE l.n = w.n AND l.kind = 'ledger')
        WHEN 'link' THEN EXISTS (SELECT FROM chaos.ledger l WHERE l.n = w.n AND l.kind = 'link')
                     AND EXISTS (SELECT FROM chaos.ledger l WHERE l.n = w.n AND l.kind = 'chained')
        ELSE true END"""
    count("jobs of the database lost", lost)
    count("effects inside the database that happened twice",
          "SELECT count(*) - count(DISTINCT (n, kind)) FROM chaos.ledger")
    count("effects that nobody asked for", """SELECT count(*) FROM chaos.ledger l WHERE NOT EXISTS (
          SELECT FROM chaos.wanted w
          WHERE w.n = l.n AND w.kind = CASE l.kind WHEN 'chained' THEN 'link' ELSE l.kind END)""")
    count("events without exactly one delivery", """SELECT count(*) FROM sentinel.events e
          WHERE e.event_type LIKE 'chaos.hook%' AND (SELECT count(*) FROM sentinel.deliveries d
                WHERE d.org_id = e.org_id AND d.event_id = e.id AND d.state = 'delivered') <> 1""")
    count("asked for webhooks without an event", """SELECT count(*) FROM (
          SELECT w.n FROM chaos.wanted w WHERE w.kind = 'hook' EXCEPT
          SELECT (e.payload ->> 'n')::bigint FROM sentinel.events e WHERE e.event_type LIKE 'chaos.hook%') m""")
    count("jobs completed more than once", """SELECT count(*) FROM (SELECT h.id FROM sentinel.job_history h
          WHERE h.outcome = 'completed' GROUP BY h.id HAVING count(*) > 1) twice""")
    count("claims that ended twice", """SELECT count(*) FROM (SELECT h.id, h.lease FROM sentinel.job_history h
          WHERE h.lease > 0 GROUP BY h.id, h.lease HAVING count(*) > 1) twice""")
    count("deliveries whose attempts do not add up", """SELECT count(*) FROM sentinel.deliveries d WHERE d.attempts <> (
          SELECT count(*) FROM sentinel.delivery_attempts a
          WHERE a.org_id = d.org_id AND a.delivery_id = d.id AND a.held)""")
    # Each claim that was not given back ends in one row of the history, and counts as one attempt.
    count("jobs whose attempts are not their ended claims", """SELECT count(*) FROM (
          SELECT h.id FROM sentinel.job_history h WHERE h.lease > 0
          GROUP BY h.id HAVING max(h.attempts) <> count(*) AND NOT bool_or(h.outcome = 'dead')) odd""")
    return int(server.number("SELECT count(*) FROM sentinel.job_history WHERE outcome = 'completed'"))
