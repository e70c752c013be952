#!/usr/bin/env python3
"""Print the samples of a day by hours: hours.py SAMPLES

Depths and lags are the greatest of the hour, the rest are sums.
"""

import sys

from draw import read_samples

COLUMNS = (("default", "depth_default", max), ("scoring", "depth_scoring", max), ("webhooks", "depth_webhooks", max),
           ("chat", "depth_chat", max), ("held", "held", max), ("running", "running", max),
           ("lag s", "lag_all", max), ("others s", "lag_others", max), ("quiet s", "lag_quiet", max),
           ("A sent", "done_a", sum), ("A failed", "failed_a", sum), ("B sent", "done_b", sum),
           ("B failed", "failed_b", sum), ("C sent", "done_c", sum), ("sql done", "done_sql", sum),
           ("sql failed", "failed_sql", sum))


def main():
    facts, rows = read_samples(sys.argv[1])
    hours = {}
    for row in rows:
        hours.setdefault(max(0, int(row["hour"])), []).append(row)
    print("hour " + " ".join(f"{title:>10}" for title, _, _ in COLUMNS))
    for hour, inside in sorted(hours.items()):
        cells = [combine(row[name] for row in inside) for _, name, combine in COLUMNS]
        out = "".join(sorted({o["vendor"] for o in facts["outages"] if o["from"] < hour + 1 and o["to"] > hour + 0.05}))
        print(f"{hour:4d} " + " ".join(f"{cell:>10.2f}" if title.endswith(" s") else f"{cell:>10.0f}"
                                       for cell, (title, _, _) in zip(cells, COLUMNS))
              + (f"  {out} out" if out else ""))


if __name__ == "__main__":
    main()
