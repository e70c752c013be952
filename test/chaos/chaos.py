#!/usr/bin/env python3
"""Inject faults while jobs are enqueued and done, then prove that nothing was lost and nothing inside happened twice.

Called by test/e2e/chaos.sh, which makes the server, the receiver and the endpoints. Prints a line for each fault and each
check, the sum, and `N passed, N failed` last. The same seed draws the same faults in the same order.
"""

import argparse
import collections
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from faults import NEEDS_MOUNT, ROUND, Faults, NotReached, deck  # noqa: E402
from load import Load  # noqa: E402
from proxy import Proxy  # noqa: E402
from server import Refused, Server  # noqa: E402
from verdict import TAKEN, Deliveries, Report, judge  # noqa: E402
from workers import Fleet  # noqa: E402

PAUSES = (0.0, 0.0, 0.3, 0.6, 1.0)  # seconds between faults: some fall on each other
RECONNECT = 32  # seconds: the longest pause of a worker before it tries the server again, and a tick


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("folder", "bindir", "port", "database", "org", "worker"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--faults", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lease-s", type=int, default=15)
    parser.add_argument("--endpoints", type=int, required=True)
    parser.add_argument("--kinds", nargs="*", choices=ROUND, help="these kinds of fault only")
    parser.add_argument("--no-mount", action="store_true", help="leave out the faults that need a small file system")
    return parser.parse_args()


def inject_all(options, server, fleet, faults, randomness):
    """Inject as many faults as asked for; give how many of each kind, and what was not reached."""
    began, kinds, unreached = time.time(), collections.Counter(), []
    among = options.kinds or [kind for kind in ROUND if not options.no_mount or kind not in NEEDS_MOUNT]
    for kind in deck(randomness, among):
        if kinds.total() == options.faults or len(unreached) > 10 + options.faults / 10:
            break
        fleet.keep()
        faults.thaw()
        try:
            words = faults.inject(kind)
        except (NotReached, Refused) as reason:
            unreached.append(f"{kind}: {reason}")
            print(f"    {kind} not injected: {reason}", flush=True)
            continue
        kinds[kind] += 1
        print(f"fault {kinds.total():3d}, {time.time() - began:5.1f} s: {kind}: {words}", flush=True)
        time.sleep(randomness.choice(PAUSES))
    faults.thaw(everything=True)
    fleet.keep()
    return kinds, unreached


def drained(server, seconds):
    """Wait until no job waits or runs; give what is left."""
    end, left = time.time() + seconds, "unknown"
    while time.time() < end:
        try:
            left = server.sql("SELECT (SELECT count(*) FROM sentinel.job_waiting), "
                              "(SELECT count(*) FROM sentinel.job_running)")
            if left == "0|0":
                return left
        except Refused:
            pass
        time.sleep(0.25)
    return left


def revive_dead(options, server, report):
    """Dead jobs must have seen three workers die; an operator then has them tried again. Give their number."""
    dead = int(server.number("SELECT count(*) FROM sentinel.job_dead"))
    if not dead:
        return 0
    strange = server.sql("""SELECT d.job_type, d.last_error FROM sentinel.job_dead d
        WHERE (SELECT count(*) FROM sentinel.job_history h
               WHERE h.org_id = d.org_id AND h.id = d.id
                 AND (h.outcome = 'lease_expired' OR h.error ~ '^lease ran out| ended$')) < 3
        LIMIT 5""")
    report.same("dead jobs whose worker did not die three times", "", strange)
    server.sql(f"BEGIN; SELECT sentinel.enter('{options.org}'); "
               "SELECT sentinel.retry_dead(d.id) FROM sentinel.job_dead d; COMMIT")
    return dead


def words_of(counter):
    return ", ".join(f"{n} {why}" for why, n in counter.most_common()) or "none"


def main():
    options = read_options()
    randomness = random.Random(options.seed)
    server = Server(options.folder, options.bindir, options.port, options.database)
    proxy = Proxy(server.socket)
    fleet = Fleet(options.worker, options.folder, proxy, options.lease_s)
    load = Load(server, options.org, options.endpoints)
    faults = Faults(server, fleet, proxy, load, randomness, options.folder)
    report = Report()
    began = time.time()
    try:
        fleet.keep()
        load.start()
        time.sleep(1.5)
        kinds, unreached = inject_all(options, server, fleet, faults, randomness)
        load.stop()
        print(f"== no more faults after {time.time() - began:.0f} s; until all is done", flush=True)
        left = drained(server, options.lease_s + 60)
        report.same("jobs waiting and running in the end", "0|0", left)
        dead = revive_dead(options, server, report)
        if dead:
            report.same("waiting and running after retry_dead()", "0|0", drained(server, 30))
        fleet.stop_all()
    finally:
        fleet.end_hard()

    report.same("faults injected", options.faults, kinds.total())
    report.same("workers that did not end as told", [], fleet.faulty_ends)
    report.same("workers that got nothing done in a bad environment", [], faults.idle)
    report.check(f"no job is kept {RECONNECT} s past its lease", load.longest_overdue <= RECONNECT, load.longest_overdue)
    completed = judge(server, load, report)
    deliveries = Deliveries(server, fleet, faults, f"{options.folder}/receiver.jsonl")
    again, taken_again = deliveries.judge(report)
    accepted = {one["n"] for one in deliveries.requests if one["answer"] in TAKEN}
    hooks = [int(n) for n in server.sql("SELECT n FROM chaos.wanted WHERE kind = 'hook'").split()]
    lost_outside = sum(n not in accepted for n in hooks)
    report.same("webhooks lost", 0, lost_outside)
    lost = lost_outside + int(server.number("""SELECT count(*) FROM chaos.wanted w WHERE w.kind <> 'hook'
        AND NOT EXISTS (SELECT FROM chaos.ledger l
                        WHERE l.n = w.n AND l.kind = CASE w.kind WHEN 'link' THEN 'chained' ELSE w.kind END)"""))

    print(f"by kind: {words_of(kinds)}")
    if unreached:
        print(f"not reached and drawn again: {len(unreached)}")
    print(f"requests {len(deliveries.requests)}, repeated {again.total()} (why: {words_of(again)})")
    print(f"longest past its lease {load.longest_overdue:.1f} s, server away {len(server.outages)} times for "
          f"{sum(to - since for since, to in server.outages):.0f} s, dead and revived {dead}, "
          f"batches of unknown commit {len(load.unknown)}, seed {options.seed}, seconds {time.time() - began:.0f}")
    print(f"faults injected {kinds.total()}, jobs {completed}, lost {lost}, duplicates {taken_again.total()} "
          f"(why: {words_of(taken_again)})")
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
