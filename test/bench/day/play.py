#!/usr/bin/env python3
"""Play the planned traffic against the clock.

    play.py --traffic FILE --start EPOCH --day-seconds N PSQL [argument ...]

Two sessions, so that a tenant's import does not hold back what the others do: one for single events and small batches,
one for what comes by the hundred. Status 1 when a statement failed.
"""

import argparse
import subprocess
import sys
import time

BULK = 200


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traffic", required=True)
    parser.add_argument("--start", type=float, required=True)
    parser.add_argument("--day-seconds", type=float, required=True)
    parser.add_argument("psql", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    sessions = [subprocess.Popen(options.psql, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
                for _ in range(2)]
    with open(options.traffic, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    for minute, tenant, event_type, count in rows:
        due = options.start + int(minute) * options.day_seconds / 1440
        time.sleep(max(0.0, due - time.time()))
        session = sessions[int(count) >= BULK]
        session.stdin.write(f"SELECT day.emit({tenant}, '{event_type}', {count});\n")
        session.stdin.flush()
    for session in sessions:
        session.stdin.close()
    sys.exit(1 if any([session.wait() for session in sessions]) else 0)


if __name__ == "__main__":
    main()
