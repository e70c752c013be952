"""Deals and ninety days of what happened to them: healthy, stalled, silent, ghosted, fought over, won and lost.

`at_risk` re-does the arithmetic of the risk model (its default settings) on its own, so that the demo has a second
opinion to compare with the database's.
"""

from datetime import timedelta

from people import Sources, full_name

STAGES = ("discover", "qualify", "proposal", "negotiation")
DWELL_DAYS = {"discover": (4, 12), "qualify": (5, 13), "proposal": (6, 14), "negotiation": (6, 16)}
CHANNELS = ("direct", "organic", "outbound", "referrals", "partners")
PRODUCTS = ("annual plan", "platform rollout", "pilot", "expansion", "renewal and seats", "onboarding package", "team licence")
LOST = ("price", "no decision", "chose another product", "budget cut", "timing", "no response")
# Shares of the whole, in percent; the first six are open at the end.
PROFILES = {"healthy": 38, "fresh": 4, "stalled": 5, "silent": 5, "ghosted": 4, "competitive": 6, "won": 22, "lost": 16}

SENT = ("Agenda for Thursday", "Follow-up and next steps", "Updated proposal attached", "Security questionnaire",
        "Draft order form", "Reference customer call", "Notes from today", "Rollout plan, week by week")
RECEIVED = ("Re: next steps", "Questions from our side", "Re: order form", "Introducing our finance lead", "Re: rollout plan",
            "Our requirements", "Re: security questionnaire")
MEETINGS = ("Discovery workshop", "Product walkthrough", "Stakeholder review", "Technical deep dive", "Commercial review")
NOTES = ("Champion confirmed the budget line for this quarter.", "Legal has the paper, two small questions on liability.",
         "Asked for a named onboarding contact.", "Wants the integration shown with their own data.",
         "Steering group meets on the first Monday of the month.")
RIVAL_NOTES = ("They are comparing solutions, two others are in the room.", "A competitor came in with a lower price.",
               "Asked how migration from the alternative would work.", "Procurement is getting quotes from multiple vendors.")
RIVAL_SUBJECTS = ("Re: pricing comparison", "Considering alternatives, a few questions", "Better offer on the table")
KEYWORDS = ("competitor", "competition", "alternative", "comparing", "evaluating options", "other vendor", "other solution",
            "switching", "migration", "pricing comparison", "better offer", "lower price", "cheaper alternative")
PHRASES = ("looking at other options", "considering alternatives", "evaluating other vendors", "comparing solutions",
           "price shopping", "getting quotes", "multiple vendors", "decision delayed", "need to think",
           "taking longer than expected")
ENGAGEMENT = ("email_sent", "email_received", "meeting_held", "call_held")
DAY = timedelta(days=1)


class Quarter:
    """Makes the deals; `timeline` holds (at, deal ref, kind, detail, subject, body) in no order."""

    def __init__(self, rng, end, days, owners):
        self.rng, self.end, self.days, self.owners = rng, end, days, owners
        self.sources = Sources(rng)
        self.deals, self.timeline = [], []

    def moment(self, at):
        """Move a time to office hours of a weekday, out of the hours where a score would change just after the end."""
        while at.weekday() >= 5:
            at -= DAY
        at = at.replace(hour=8 + self.rng.randrange(10), minute=self.rng.randrange(60), second=self.rng.randrange(60),
                        microsecond=0)
        for edge in (5, 7, 8, 30):  # the model's day limits
            if self.end - edge * DAY - timedelta(hours=1) <= at < self.end - edge * DAY + timedelta(hours=6):
                at -= DAY
        return min(at, self.end - timedelta(hours=1))

    def make(self, count):
        profiles = [name for name, share in PROFILES.items() for _ in range(round(share * count / 100))]
        profiles = (profiles + ["healthy"] * count)[:count]
        self.rng.shuffle(profiles)
        for number, profile in enumerate(profiles, 1):
            self.make_deal(number, profile)

    def make_deal(self, number, profile):
        rng = self.rng
        company = self.sources.company()
        contact = self.sources.person()
        value = round(rng.lognormvariate(9.75, 0.9), -2) + rng.choice((0, 0, 50, 90))
        if profile in ("silent", "stalled"):
            value = max(value, 5200.0)
        path, age = self.plan(profile)
        at = self.moment(self.end - age * DAY)
        ref = f"NW-{1000 + number}"
        deal = {"ref": ref, "name": f"{company['short']}: {rng.choice(PRODUCTS)}", "account": company["name"],
                "value": f"{value:.2f}", "currency": company["currency"], "pipeline": "default",
                "owner": rng.choice(self.owners), "channel": rng.choice(CHANNELS), "profile": profile,
                "created_at": at, "path": [], "events": [], "contact": full_name(contact)}
        self.deals.append(deal)
        quiet_from = {"silent": rng.uniform(9, 20), "stalled": rng.uniform(5.5, 12),
                      "ghosted": rng.uniform(6, 14)}.get(profile, 0)
        last = max(self.end - quiet_from * DAY, at + DAY)
        for step, stage in enumerate(path):
            if step:
                low, high = DWELL_DAYS[path[step - 1]]
                at = self.moment(max(at + rng.uniform(low, high) * DAY * deal["pace"], at + DAY / 2))
                if stage.startswith("closed"):
                    at = min(at, self.end - timedelta(hours=5))
                elif at >= last:
                    break
                at = max(at, deal["path"][-1][1] + timedelta(minutes=5))
            else:
                steps = sum(sum(DWELL_DAYS[name]) / 2 for name in path[:-1]) or 1
                deal["pace"] = min(1.0, max(0.2, (age - quiet_from - 2) / steps))
            deal["path"].append((stage, at))
            self.add(deal, at, "stage" if step else "created", stage,
                     rng.choice(LOST) if stage == "closed_lost" else "")
        stop = at if path[-1].startswith("closed") else last
        self.talk(deal, profile, stop)

    def plan(self, profile):
        """Return the stages that the deal runs through and its age in days."""
        rng = self.rng
        if profile == "won":
            return [*STAGES, "closed_won"], rng.uniform(35, self.days - 1)
        if profile == "lost":
            return [*STAGES[:rng.randint(1, 4)], "closed_lost"], rng.uniform(25, self.days - 1)
        if profile == "fresh":
            return list(STAGES[:1]), rng.uniform(1.2, 4)
        if profile == "stalled":
            return list(STAGES), rng.uniform(45, self.days - 1)
        reach = {"healthy": (1, 4), "silent": (1, 3), "ghosted": (2, 4), "competitive": (2, 4)}[profile]
        return list(STAGES[:rng.randint(*reach)]), rng.uniform(38, self.days - 1) if profile != "healthy" else rng.uniform(6, 80)

    def talk(self, deal, profile, stop):
        """Add the conversation: every few days a mail, its answer, a meeting, a call or a note."""
        rng = self.rng
        at = deal["created_at"] + timedelta(minutes=20)
        while at < stop:
            self.exchange(deal, profile, at, stop)
            at += rng.uniform(1.2, 5.5) * DAY
        if profile in ("healthy", "fresh") or (profile == "competitive" and rng.random() < 0.6):  # warm at the end
            self.activity(deal, "email_sent", self.end - rng.uniform(0.3, 4.2) * DAY, rng.choice(SENT))
            if profile != "competitive" or rng.random() < 0.4:
                self.activity(deal, "email_received", self.end - rng.uniform(0.2, 4.2) * DAY, rng.choice(RECEIVED))
        if profile == "competitive":
            for _ in range(rng.randint(1, 2)):
                self.activity(deal, "note_added", self.end - rng.uniform(3, 20) * DAY, "", rng.choice(RIVAL_NOTES))
            if rng.random() < 0.5:
                self.activity(deal, "email_received", self.end - rng.uniform(8, 20) * DAY, rng.choice(RIVAL_SUBJECTS))

    def exchange(self, deal, profile, at, stop):
        rng = self.rng
        draw = rng.random()
        if draw < 0.5:
            self.activity(deal, "email_sent", at, rng.choice(SENT), f"Hello {deal['contact'].split()[0]}, as discussed.")
            if profile != "ghosted" or at < stop - 14 * DAY:
                reply = at + rng.uniform(0.1, 2) * DAY
                if rng.random() < 0.75 and reply < stop:
                    self.activity(deal, "email_received", reply, rng.choice(RECEIVED), "Thanks, see below.")
        elif draw < 0.68:
            self.activity(deal, "meeting_held", at, rng.choice(MEETINGS))
        elif draw < 0.82:
            self.activity(deal, "call_held", at, "Call with " + deal["contact"])
        elif draw < 0.96:
            self.activity(deal, "note_added", at, "", rng.choice(NOTES))
        else:
            self.activity(deal, "email_drafted", at, rng.choice(SENT))

    def activity(self, deal, kind, at, subject, body=""):
        at = self.moment(at)
        if at > deal["created_at"]:
            self.add(deal, at, "activity", kind, subject, body)
            deal["events"].append((at, kind, subject or body))

    def add(self, deal, at, kind, detail, subject="", body=""):
        self.timeline.append((at, deal["ref"], kind, detail, subject, body))


def at_risk(deal, now):
    """Return (score, at risk or not) of a deal at a time by the default settings of the model."""
    stage = [name for name, at in deal["path"] if at <= now][-1]
    if stage.startswith("closed"):
        return 0.0, False
    value = float(deal["value"])
    events = [event for event in deal["events"] if event[0] <= now]
    newest = {kind: max((at for at, what, _ in events if what == kind), default=None) for kind in ENGAGEMENT}
    signals = 0
    for _, kind, text in events:
        if kind in ("email_sent", "email_received", "note_added", "call_held"):
            text = text.lower()
            signals += any(word in text for word in KEYWORDS) + any(phrase in text for phrase in PHRASES)
    signals += stage == "negotiation" and value > 10000
    score = {"negotiation": 0.3, "discover": 0.1}.get(stage, 0.0)
    if signals >= 2:
        score += 0.25
    elif signals or (stage == "negotiation" and (now - deal["created_at"]) // DAY > 30):
        score += 0.15
    sent = newest["email_sent"] is not None and now - newest["email_sent"] <= 5 * DAY
    received = newest["email_received"] is not None and now - newest["email_received"] <= 5 * DAY
    met = max((at for at in (newest["meeting_held"], newest["call_held"]) if at), default=None)
    score -= 0.2 * sent
    score -= 0.3 * received
    score -= 0.4 * (met is not None and now - met <= 7 * DAY)
    last = max((at for at in newest.values() if at), default=deal["created_at"])
    score += 0.4 * ((now - last) // DAY > 7)
    score += 0.4 * (stage == "negotiation" and not sent and not received)
    score += 0.2 * (value > 5000)
    score = min(1.0, max(0.0, score))
    return score, score >= 0.6
