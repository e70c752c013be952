#!/usr/bin/env python3
"""Plan the day: who the 20 tenants are and what they do when, the same for the same seed.

    plan.py --seed N --scale S --tenants FILE --traffic FILE

--scale 1 is the day of 240 seconds; a shorter one has as much less traffic, so that the load a second is the same. Both
files are tab-separated without a header:

    tenants   n, class, time zone, vendor of its webhooks
    traffic   minute of the day, tenant, event type, number of events emitted at once; in order of time

Classes: office (follows the working day of its zone), quiet (now and then one event), noisy (goes on day and night, and
in bursts), importer (a day like others, and one CSV of leads).
"""

import argparse
import math
import random

# Hours of the zones against UTC, as they are in winter.
ZONES = {"Europe/London": 0, "Europe/Berlin": 1, "America/New_York": -5, "Asia/Singapore": 8}
MINUTES = 24 * 60
IMPORT_MINUTE = 3 * 60
IMPORT_LEADS = 20000
BURST_ORDERS = 500
BURSTS = 5


def make_tenants():
    """Return (class, zone, vendor) for each of the 20 tenants; half of the office and quiet ones at each vendor."""
    zones = list(ZONES)
    tenants = [("noisy", "Europe/London", "C"), ("importer", "Europe/Berlin", "C")]
    tenants += [("office", zones[n % 4], "AC"[n % 2]) for n in range(12)]
    tenants += [("quiet", zones[n % 4], "AC"[n % 2]) for n in range(6)]
    return tenants


def office_hours(zone):
    """Return the weight of each minute of the UTC day: a morning and an afternoon hump in the zone, little at night."""
    def weight(local_hour):
        return 0.03 + math.exp(-((local_hour - 10.5) / 1.6) ** 2) + 0.85 * math.exp(-((local_hour - 15.5) / 1.8) ** 2)
    return [weight((minute / 60 + ZONES[zone]) % 24) for minute in range(MINUTES)]


def spread(draw, weights, total):
    """Draw how many of `total` events fall into each minute."""
    counts = {}
    for minute in draw.choices(range(MINUTES), weights, k=total):
        counts[minute] = counts.get(minute, 0) + 1
    return counts


def make_traffic(draw, tenants, scale):
    """Return rows (minute, tenant, event type, count)."""
    rows = []

    def add(tenant, kind, weights, total):
        counts = spread(draw, weights, round(total * scale))
        rows.extend((minute, tenant, kind, count) for minute, count in counts.items())

    for tenant, (kind, zone, _) in enumerate(tenants, 1):
        day, flat = office_hours(zone), [1] * MINUTES
        if kind == "office":
            add(tenant, "shop.order", day, draw.randint(150, 400))
            add(tenant, "desk.alert", day, draw.randint(60, 100))
        elif kind == "importer":
            add(tenant, "shop.order", day, 150)
            add(tenant, "desk.alert", day, 30)
            rows.append((IMPORT_MINUTE, tenant, "shop.lead", round(IMPORT_LEADS * scale)))
        elif kind == "noisy":
            add(tenant, "shop.order", flat, 4000)
            add(tenant, "desk.alert", flat, 45)
            for minute in draw.sample(range(60, MINUTES - 60), BURSTS):
                rows.append((minute, tenant, "shop.order", round(BURST_ORDERS * scale)))
        else:
            # Each event on its own: the minutes differ.
            for event, total in (("shop.order", 60), ("desk.alert", 20)):
                rows.extend((minute, tenant, event, 1)
                            for minute in draw.sample(range(MINUTES), max(4, round(total * scale))))
    return sorted(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--scale", type=float, required=True)
    parser.add_argument("--tenants", required=True)
    parser.add_argument("--traffic", required=True)
    options = parser.parse_args()
    tenants = make_tenants()
    traffic = make_traffic(random.Random(options.seed), tenants, options.scale)
    with open(options.tenants, "w", encoding="utf-8") as file:
        file.writelines(f"{n}\t{kind}\t{zone}\t{vendor}\n" for n, (kind, zone, vendor) in enumerate(tenants, 1))
    with open(options.traffic, "w", encoding="utf-8") as file:
        file.writelines("\t".join(map(str, row)) + "\n" for row in traffic)


if __name__ == "__main__":
    main()
