#!/usr/bin/env python3
"""Write the demo's sample data: leads.csv, deals.csv, timeline.csv and truth.json (what was planted where).

The same seed and the same --end give the same bytes. All people, companies, domains, phones and profiles are made up from
ranges that are reserved or cannot exist (people.py).
"""

import argparse
import csv
import json
import os
import random
from datetime import datetime, timedelta, timezone

import deals as deal_room
from leads import FAULTS, HEADER, line, make_rows
from people import Sources, full_name, slug

BOM = b"\xef\xbb\xbf"
TEAM = 8


def utc(text):
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).astimezone(timezone.utc).replace(microsecond=0)


def iso(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def write_leads(folder, rng, count):
    """Write leads.csv; return its truth, by the line a row begins at (the header is line 1)."""
    rows = make_rows(rng, count)
    truth = {"data_rows": len(rows), "broken": {}, "duplicates": {}}
    at, begins = 2, {}
    with open(os.path.join(folder, "leads.csv"), "wb") as file:
        file.write(BOM + line(HEADER) + b"\r\n")
        for raw, planted in rows:
            file.write(raw + b"\r\n")
            if planted and planted[0] == "broken":
                truth["broken"][at] = {"kind": planted[1], "faults": FAULTS[planted[1]]}
            elif planted:
                truth["duplicates"][at] = {"key": planted[1], "of_line": begins[planted[2]]}
            else:
                begins[raw] = at
            at += 1 + raw.count(b"\n")
    truth["good_rows"] = truth["data_rows"] - len(truth["broken"]) - len(truth["duplicates"])
    return truth


def make_quarter(seed, end, days, count, people):
    """Return the first quarter of the seed in which 25 to 35 of 200 open deals (12.5 to 17.5 %) are at risk at the end."""
    for attempt in range(1000):
        quarter = deal_room.Quarter(random.Random(f"{seed}:deals:{attempt}"), end, days, people)
        quarter.make(count)
        risky = [deal["ref"] for deal in quarter.deals if deal_room.at_risk(deal, end)[1]]
        if 0.125 * count <= len(risky) <= 0.175 * count:
            return quarter, risky
    raise SystemExit(f"no quarter of seed {seed} has the wanted share of deals at risk")


def write_csv(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", default="1")
    parser.add_argument("--leads", type=int, default=500, help="data rows in leads.csv, 100 or more")
    parser.add_argument("--deals", type=int, default=200)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--end", required=True, help="when the quarter ends, ISO 8601")
    parser.add_argument("--out", required=True, help="folder to write to")
    options = parser.parse_args()
    if options.leads < 100 or options.deals < 20 or options.days < 50:
        parser.error("at least 100 leads, 20 deals and 50 days")
    os.makedirs(options.out, exist_ok=True)
    end = utc(options.end)

    truth = {"seed": options.seed, "end": iso(end), "leads": write_leads(options.out, random.Random(f"{options.seed}:leads"), options.leads)}

    owners = Sources(random.Random(f"{options.seed}:team"))
    team = [owners.person() for _ in range(TEAM)]
    addresses = [f"{slug(first, '')}.{slug(last, '')}@northwind-demo.example" for first, last in team]
    quarter, risky = make_quarter(options.seed, end, options.days, options.deals, addresses)

    write_csv(os.path.join(options.out, "team.csv"), ("display_name", "email", "role"),
              [(full_name(person), address, "admin" if not number else "member")
               for number, (person, address) in enumerate(zip(team, addresses))])
    write_csv(os.path.join(options.out, "deals.csv"),
              ("external_ref", "name", "account", "value", "currency", "owner", "pipeline", "channel", "created_at", "stage",
               "stage_path"),
              [(deal["ref"], deal["name"], deal["account"], deal["value"], deal["currency"], deal["owner"], deal["pipeline"],
                deal["channel"], iso(deal["created_at"]), deal["path"][-1][0],
                " > ".join(f"{stage} {iso(at)}" for stage, at in deal["path"])) for deal in quarter.deals])
    timeline = sorted(quarter.timeline, key=lambda entry: (entry[0], entry[2] != "created", entry[2] != "stage", entry[1:]))
    write_csv(os.path.join(options.out, "timeline.csv"), ("deal_ref", "at", "kind", "detail", "subject", "body"),
              [(ref, iso(at), kind, detail, subject, body) for at, ref, kind, detail, subject, body in timeline])

    final = [deal["path"][-1][0] for deal in quarter.deals]
    profiles = [deal["profile"] for deal in quarter.deals]
    truth["deals"] = {"count": len(final), "timeline_rows": len(timeline), "stages": {name: final.count(name) for name in sorted(set(final))},
                      "profiles": {name: profiles.count(name) for name in sorted(set(profiles))},
                      "at_risk_at_end": risky,
                      "instants": [iso(end - timedelta(days=options.days) * (20 - n) / 20) for n in range(1, 21)]}
    with open(os.path.join(options.out, "truth.json"), "w", encoding="utf-8") as file:
        json.dump(truth, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
