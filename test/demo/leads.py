"""A leads file as people send them: quoted cells, four ways to write a phone, duplicates, and rows that are broken.

`rows` holds the data rows in file order, each (bytes, truth): truth is None for a good row, ("duplicate", key, original)
or ("broken", kind). FAULTS tells which fault codes a reader may give for each kind: a quote that is never closed shows
itself only at the next quote, as text behind a closing one.
"""

from people import Sources, full_name, phone_text, profile_link, slug

HEADER = ("Full Name", "Email", "Telephone", "Company", "Website", "LinkedIn URL", "Niche", "Location", "Source", "Channel",
          "Temperature", "employee_count", "created_at", "Notes")
SOURCES = ("Trade fair", "Webinar", "Referral", "Website", "Newsletter", "Partner list")
PLATFORMS = ("LinkedIn", "Cold email", "Phone", "Instagram", "Other")
TEMPERATURES = ("cold", "cold", "warm", "warm", "hot")
NOTES = ("", "", "", "Met at the booth, wants a call", 'Said: "not before spring"', "Two sites, one buyer", "Opted in, form 4",
         "Prefers mail; no calls", "First line\nsecond line")
TRACKING = ("?utm_source=newsletter&utm_medium=email", "/?trk=public_profile", "?originalSubdomain=uk", "/#about")


def cell(value):
    """Write a CSV cell by RFC 4180: quoted only where it has to be."""
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n;') else text


def line(cells):
    return ",".join(cell(value) for value in cells).encode()


class Leads:
    """Makes the rows from one random generator."""

    def __init__(self, rng):
        self.rng = rng
        self.sources = Sources(rng)
        self.number = 0

    def person(self):
        """Return a new lead as a dict by header name, with private keys (_…) for its variations."""
        rng = self.rng
        self.number += 1
        company, person = self.sources.company(), self.sources.person()
        digits = self.sources.phone(company["region"])
        if rng.random() < 0.15:
            email = f"{slug(person[0])}-{slug(person[1])}@gmail.com"
        else:
            email = rng.choice((f"{slug(person[0], '')}.{slug(person[1], '')}", f"{person[0][0].lower()}{slug(person[1], '')}"))
            email += "@" + company["domain"]
        return {"Full Name": full_name(person), "Email": email, "Telephone": phone_text(digits, rng.randrange(4)),
                "Company": company["name"], "Website": company["domain"],
                "LinkedIn URL": profile_link(person, self.number) if rng.random() < 0.8 else "",
                "Niche": company["industry"], "Location": company["location"], "Source": rng.choice(SOURCES),
                "Channel": rng.choice(PLATFORMS), "Temperature": rng.choice(TEMPERATURES),
                "employee_count": rng.choice((4, 9, 18, 35, 60, 120, 260, 540, 1200)), "Notes": rng.choice(NOTES),
                "created_at": self.date(), "_digits": digits, "_number": self.number}

    def date(self):
        """Write a day of 2026 in one of the ways that mean one day only; often nothing."""
        day, month = self.rng.randint(13, 28), self.rng.randint(1, 9)
        return self.rng.choice(("", "", f"2026-{month:02d}-{day}", f"{day}.{month:02d}.2026", f"{month:02d}/{day}/2026"))

    def same_email(self, lead):
        """The same mailbox in another spelling, on a row that differs otherwise."""
        mailbox, host = lead["Email"].split("@")
        email = f"{mailbox}+events@{host}" if host == "gmail.com" else f"{mailbox.title()}@{host.upper()}"
        return {**lead, "Full Name": lead["Full Name"].upper(), "Email": email, "Telephone": "", "LinkedIn URL": "",
                "Source": "Webinar", "Notes": ""}

    def same_profile(self, lead):
        """The same profile with tracking parameters, http for https, no mail and no phone."""
        link = lead["LinkedIn URL"].replace("https://www.", self.rng.choice(("http://www.", "https://", "HTTPS://WWW.")))
        return {**lead, "Email": "", "Telephone": "", "LinkedIn URL": link + self.rng.choice(TRACKING), "Notes": "From the list"}

    def same_phone(self, lead):
        """The same name and number, the number written otherwise, nothing else that identifies."""
        return {**lead, "Email": "", "LinkedIn URL": "", "Website": "",
                "Telephone": phone_text(lead["_digits"], self.rng.randrange(4)), "Source": "Phone-in", "Notes": ""}

    def same_row(self, lead):
        return dict(lead)

    def break_row(self, kind):
        """Return the bytes of a row with one kind of damage."""
        lead = self.person()
        lead["Notes"] = lead["Notes"].partition("\n")[0]  # a broken row of two lines would be two broken rows
        mailbox, host = lead["Email"].split("@")
        changed = {
            "email_without_at": {"Email": mailbox + "." + host},
            "email_two_at": {"Email": mailbox + "@@" + host},
            "email_with_space": {"Email": mailbox.replace(".", " ", 1).replace("-", " ") + " x@" + host},
            "negative_employee_count": {"employee_count": -self.rng.choice((1, 12, 250))},
            "employee_count_not_a_number": {"employee_count": "about fifty"},
            "overlong_name": {"Full Name": lead["Full Name"] + " " + "von und zu " * 400},
            "too_few_columns": {"Notes": ""},
            "unclosed_quote": {"Location": "Leeds", "Notes": ""},  # no other quote on its line
            "date_in_year_0": {"created_at": "0000-03-14"},
            "date_that_is_none": {"created_at": "2026-02-30"},
            "nothing_that_identifies": {name: "" for name in HEADER} | {"Notes": "call them back"},
        }.get(kind, {})
        raw = line([{**lead, **changed}[name] for name in HEADER])
        if kind == "too_few_columns":
            raw = raw.rsplit(b",", 4)[0]
        elif kind == "too_many_columns":
            raw += b",left over,from a merge"
        elif kind == "bad_encoding":
            raw = raw.replace(lead["Full Name"].encode(), "Zoë Müller".encode("latin-1"))
        elif kind == "nul_byte":
            raw = raw.replace(lead["Company"].encode(), b"Null\x00 Holdings")
        elif kind == "text_after_quote":
            raw = raw.replace(cell(lead["Company"]).encode(), b'"Quoted" Holdings')
        elif kind == "unclosed_quote":
            raw = raw.replace(cell(lead["Company"]).encode(), b'"Open Ended Holdings')
        return raw


# Kind of damage: how many rows, and the fault codes that name it.
BROKEN = {"email_without_at": 3, "email_two_at": 2, "email_with_space": 1, "too_many_columns": 2, "too_few_columns": 1,
          "bad_encoding": 2, "nul_byte": 2, "negative_employee_count": 2, "employee_count_not_a_number": 1, "overlong_name": 1,
          "date_in_year_0": 2, "date_that_is_none": 1, "text_after_quote": 1, "unclosed_quote": 1, "nothing_that_identifies": 2}
FAULTS = {"email_without_at": ["bad_email"], "email_two_at": ["bad_email"], "email_with_space": ["bad_email"],
          "too_many_columns": ["too_many_columns"], "too_few_columns": ["too_few_columns"], "bad_encoding": ["not_utf8"],
          "nul_byte": ["nul_byte"], "negative_employee_count": ["negative_number"],
          "employee_count_not_a_number": ["bad_number"], "overlong_name": ["too_long"], "date_in_year_0": ["bad_date"],
          "date_that_is_none": ["bad_date"], "text_after_quote": ["text_after_quote"],
          "unclosed_quote": ["unclosed_quote", "text_after_quote"], "nothing_that_identifies": ["no_identifier"]}
DUPLICATES = {"email": 20, "profile_link": 15, "phone": 15, "row": 10}


def make_rows(rng, count):
    """Return [(bytes, truth)] of `count` data rows; the last one has the quote that is never closed."""
    leads = Leads(rng)
    plans = [("broken", kind) for kind, times in BROKEN.items() for _ in range(times)]
    plans += [("duplicate", key) for key, times in DUPLICATES.items() for _ in range(times)]
    scale = max(0, count - 1 - len(plans))
    originals = [leads.person() for _ in range(scale)]
    rows = [(line([lead[name] for name in HEADER]), None) for lead in originals]
    taken = set()
    for what, kind in plans:
        if what == "broken":
            raw, truth = leads.break_row(kind), ("broken", kind)
        else:
            raw, truth = duplicate_of(leads, originals, taken, kind)
        first = 0 if what == "broken" else position_of(rows, truth[2]) + 1
        rows.insert(rng.randint(first, len(rows)), (raw, truth))
    rows.append((leads.break_row("unclosed_quote"), ("broken", "unclosed_quote")))
    return rows


def duplicate_of(leads, originals, taken, key):
    """Return (bytes, truth) of a duplicate of a lead that has none yet and carries the key."""
    while True:
        lead = leads.rng.choice(originals)
        if lead["_number"] not in taken and (key not in ("email", "profile_link") or lead["LinkedIn URL"]):
            break
    taken.add(lead["_number"])
    make = {"email": leads.same_email, "profile_link": leads.same_profile, "phone": leads.same_phone, "row": leads.same_row}[key]
    original = line([lead[name] for name in HEADER])
    return line([make(lead)[name] for name in HEADER]), ("duplicate", key, original)


def position_of(rows, raw):
    return next(position for position, (other, _) in enumerate(rows) if other == raw)
