#!/usr/bin/env python3
"""Write test/bench/RESULTS.md from the measured figures in test/bench/results/*.tsv.

Each line of those files is peer, figure, sync, value, unit, word, separated by tabs. Nothing is measured here.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(HERE, "results")
WIDE, FLOOR, OURS = "floor, same columns", "floor", "Sentinel"
CALLS = {"claim": "two calls", "next": "one call"}


def read(name):
    """Figures of a file: (peer, figure, sync) -> (value or None, unit, word)."""
    path = os.path.join(RESULTS, name + ".tsv")
    figures = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                peer, figure, sync, value, unit, word = (line.rstrip("\n").split("\t") + [""] * 6)[:6]
                if figure in ("version", "fact"):
                    figures[peer, figure, sync] = (None, unit, value)
                    continue
                try:
                    figures[peer, figure, sync] = (float(value), unit, word)
                except ValueError:
                    figures[peer, figure, sync] = (None, unit, word)
    return figures


def show(value, unit=""):
    if value is None:
        return "-"
    text = f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"
    return f"{text} {unit}".strip()


class Table:
    def __init__(self, out, head):
        self.out = out
        out.append("| " + " | ".join(head) + " |")
        out.append("|" + "---|" * len(head))

    def row(self, *cells):
        self.out.append("| " + " | ".join(cells) + " |")


# What a measuring script says of a figure that is not what its name promises.
RESERVATIONS = ("failed", "could not", "only ", "lost", "not within", "left")


def reservation(words):
    return "; ".join(word for word in words if any(sign in word for sign in RESERVATIONS))


def judged(ratio, aim, at_most=False):
    if ratio is None:
        return "-"
    met = ratio <= aim if at_most else ratio >= aim
    return "met" if met else f"missed by {abs(ratio - aim) / aim:.0%}"


def queue_rows(figures, sync):
    """(figure, ours, floor, ratio, aim, at most) of every row of the table that has a floor in the same run."""
    def value(peer, figure, used=sync):
        return figures.get((peer, figure, used), (None,))[0]

    def over(a, b):
        return a / b if a is not None and b else None

    def word(peer, figure, used=sync):
        return figures.get((peer, figure, used), (None, "", ""))[2]

    rows = []

    def add(title, ours, floor, aim, unit="jobs/s", at_most=False, ratio=None, words=()):
        rows.append((title, show(ours, unit), show(floor, unit), over(ours, floor) if ratio is None else ratio, aim, at_most,
                     reservation(words)))

    for c in (1, 4):
        name = f"enqueue_b1000_c{c}"
        add(f"enqueue_many, 1,000 a call, {c} client{'s' * (c > 1)}; floor COPY, same columns and a primary key",
            value(OURS, name), value(WIDE, name), 0.6)
    for c in (1, 4):
        name = f"enqueue_b1_c{c}"
        add(f"enqueue one by one, {c} client{'s' * (c > 1)}; floor INSERT", value(OURS, name), value(WIDE, name), 0.9)
    for c in (1, 4, 8):
        for kind in ("claim", "next"):
            add(f"claim + complete, batch 100, {c} consumer{'s' * (c > 1)}, {CALLS[kind]}; floor DELETE ... RETURNING",
                value(OURS, f"{kind}_b100_c{c}"), value(FLOOR, f"claim_b100_c{c}"), 1.2 if c == 4 else None)
    for kind in ("claim", "next"):
        add(f"one by one, 8 consumers, {CALLS[kind]}; floor DELETE ... RETURNING", value(OURS, f"{kind}_b1_c8"),
            value(FLOOR, "claim_b1_c8"), None)
    base = value(OURS, "claim_b100_c4")
    for figure, size in (("claim_b100_c4_backlog", "BACKLOG"), ("claim_b100_c4_huge", "HUGE")):
        add(f"batch 100, 4 consumers, so many as {size} says waiting; floor the same with so many as JOBS says",
            value(OURS, figure), base, 0.9)
    add("batch 100, 4 consumers, an old snapshot held, after as many jobs as PINNED says; floor the same without",
        value(OURS, "claim_b100_c4_pinned"), base, 0.8)
    add("for comparison: DELETE ... RETURNING with the old snapshot; floor the same without",
        value(FLOOR, "claim_b100_c4_pinned"), value(FLOOR, "claim_b100_c4"), None)
    for part, aim in (("p50", 2), ("p99", 5)):
        add(f"enqueue to claim when idle, {part}; floor a bare NOTIFY", value(OURS, "idle_" + part),
            value(FLOOR, "idle_" + part), aim, "us", True,
            words=(word(OURS, "idle_" + part), word(FLOOR, "idle_" + part)))
    add("one noisy tenant with a backlog and ten quiet: p99 of the quiet; floor the quiet alone",
        value(OURS, "noisy_p99"), value(FLOOR, "noisy_p99"), 2, "us", True,
        words=(word(OURS, "noisy_p99"), word(FLOOR, "noisy_p99")))
    ours, floor = value(OURS, "fan_out"), value(WIDE, "fan_out")
    add("10,000 events in one INSERT, each routed to two jobs; floor the same 30,000 rows bare", ours, floor, 0.4, "ms",
        ratio=over(floor, ours))
    add("http jobs, 1 kB POST; floor the lower of bare libcurl and claim + complete", value(OURS, "http"),
        value(FLOOR, "http"), 0.6, "jobs/s", words=(word(OURS, "http"), word(FLOOR, "http")))
    add("leads over HTTP, POST /intake/form, each committed before it is answered; floor pgbench doing the same insert",
        value(OURS, "http_in"), value(FLOOR, "http_in_insert"), 0.6, "1/s", words=(word(OURS, "http_in"), word(FLOOR, "http_in_insert")))
    add("the same; floor pgbench calling http_handle()", value(OURS, "http_in"), value(FLOOR, "http_in_handle"), None, "1/s")
    for part in ("p50", "p99"):
        add(f"the same, time of a request, {part}", value(OURS, "http_in_" + part), None, None, "ms", True)
    if sync == "on":
        memory = figures.get((OURS, "memory_peak", "-"), (None,))[0]
        add("worker memory, peak of a run with 2,000 in flight; floor the aim", memory, 64.0, 1, "MB", True,
            words=(word(OURS, "memory_in_flight", "-"),))
        small = figures.get((OURS, "claim_buffers_1k", "-"), (None,))[0]
        large = figures.get((OURS, "claim_buffers_backlog", "-"), (None,))[0]
        add("pages touched per claimed job with BACKLOG waiting (EXPLAIN, BUFFERS); floor with 1,000", large, small, 1, "pages",
            True)
    return rows


def queue_part(out):
    figures = read("queue")
    if not figures:
        return
    out += ["## The queue", "",
            "`make bench`. A ratio is to the floor of the same line, measured in the same run; these "
            "machines are noisy, so ratios matter and not times.", ""]
    out += [f"- {peer}: {word}" for (peer, figure, _), (_, _, word) in figures.items() if figure in ("version", "fact")] + [""]
    for sync in ("on", "off"):
        rows = queue_rows(figures, sync)
        if not any(row[3] is not None for row in rows):
            continue
        out += [f"### synchronous_commit = {sync}", ""]
        table = Table(out, ["figure", "Sentinel", "floor", "ratio", "aim", ""])
        for title, ours, floor, ratio, aim, at_most, but in rows:
            verdict = f"not judged: {but}" if but else "" if aim is None else judged(ratio, aim, at_most)
            table.row(title, ours, floor, show(ratio), "-" if aim is None else f"{'≤' if at_most else '≥'} {aim:g}", verdict)
        out.append("")


PEER_FIGURES = [("enqueue_b1_c1", "add 1, c1"), ("enqueue_b1_c4", "add 1, c4"), ("enqueue_b1000_c1", "add 1,000, c1"),
                ("enqueue_b1000_c4", "add 1,000, c4"), ("claim_b100_c1", "take 100, c1"), ("claim_b100_c4", "take 100, c4"),
                ("claim_b100_c8", "take 100, c8"), ("claim_b1_c8", "take 1, c8"),
                ("claim_b100_c4_backlog", "take 100, c4, 1M waiting"), ("claim_b100_c4_pinned", "take 100, c4, old snapshot")]


EVERY = ("",)
PEER_AIMS = [("Enqueue 1,000 a call, against every peer", EVERY, ("enqueue_b1000_c1", "enqueue_b1000_c4"), 1),
             ("Take 100, 4 consumers, against pgmq, graphile-worker's SQL, Oban and River",
              ("pgmq", "graphile-worker, its SQL", "Oban", "River"), ("claim_b100_c4",), 1.8),
             ("Take 100, 4 consumers, against pg-boss", ("pg-boss",), ("claim_b100_c4",), 3),
             ("Take 100, 4 consumers, against PgQ", ("PgQ",), ("claim_b100_c4",), 1)]


def peers_part(out):
    figures = read("peers")
    if not figures:
        return
    out += ["## Other queues on the same machine", "",
            "`make bench-peers`. Jobs a second, in brackets Sentinel's figure divided by theirs. add: enqueue so many a call; "
            "take: claim and complete so many a call; c: clients. Sentinel's `one call` is finish_and_claim(). What is measured "
            "of each: peers/README.md.", ""]
    out += [f"- {peer} {word}" for (peer, figure, _), (_, _, word) in figures.items() if figure in ("version", "fact")]
    out += ["- left out: PgQue, which no package here carries", ""]
    for sync in ("on", "off"):
        peers = []
        for peer, figure, used in figures:
            if used == sync and figure in dict(PEER_FIGURES) and peer not in peers:
                peers.append(peer)
        if not peers:
            continue
        out += [f"### synchronous_commit = {sync}; for Redis appendfsync {'always' if sync == 'on' else 'everysec'}", ""]
        table = Table(out, ["queue"] + [title for _, title in PEER_FIGURES])

        def ours(figure):
            return figures.get((OURS, figure, sync), (None,))[0]

        for peer in peers:
            cells = []
            for figure, _ in PEER_FIGURES:
                value = figures.get((peer, figure, sync), (None,))[0]
                mine = ours(figure)
                cells.append(show(value) + (f" ({mine / value:.1f})" if value and mine and peer != OURS else ""))
            table.row(peer, *cells)
        one_call = [figure.replace("claim_", "next_") for figure, _ in PEER_FIGURES]
        if any((OURS, figure, sync) in figures for figure in one_call):
            table.row(OURS + ", one call", *[show(figures.get((OURS, f, sync), (None,))[0]) if f.startswith("next") else ""
                                             for f in one_call])
        for title, names, figures_of, aim in PEER_AIMS:
            met = []
            for peer in peers:
                if peer in (OURS, FLOOR) or not any(name in peer for name in names):
                    continue
                for figure in figures_of:
                    theirs = figures.get((peer, figure, sync), (None,))[0]
                    # PgQ hands a batch to one consumer only: its best stands against our four.
                    if theirs is None and "PgQ" in peer:
                        theirs = figures.get((peer, "claim_b100_c1", sync), (None,))[0]
                    if theirs and ours(figure):
                        met.append((ours(figure) / theirs, peer))
            if met:
                worst, peer = min(met)
                out += ["", f"{title}: at least {worst:.2f} times ({peer}); aim {aim:g}: {judged(worst, aim)}."]
        best = [v for (peer, f, s), (v, _, _) in figures.items() if f == "claim_b1_c8" and s == sync and v and peer not in
                (OURS, FLOOR)]
        mine = figures.get((OURS, "next_b1_c8", sync), (None,))[0]
        if best and mine:
            out += ["", f"One by one, 8 consumers, finish and claim next in one call: {mine / max(best):.2f} times the best other "
                        f"queue (aim 1.5: {judged(mine / max(best), 1.5)})."]
        out.append("")


def written_part(out, title, name):
    """A part that its script writes as it stands."""
    path = os.path.join(RESULTS, name + ".md")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as part:
            out += ["## " + title, "", part.read().rstrip(), ""]


def main():
    out = ["# Results of the benchmarks", "",
           "Printed by `make bench` and `make bench-peers`, each of which writes its part from its lines in results/. A rate is the "
           "median of as many runs as RUNS says.", ""]
    queue_part(out)
    peers_part(out)
    written_part(out, "Scoring", "risk")
    written_part(out, "Views for BI", "bi")
    written_part(out, "Activities and their triggers", "activities")
    text = "\n".join(out).rstrip() + "\n"
    with open(os.path.join(HERE, "RESULTS.md"), "w", encoding="utf-8") as target:
        target.write(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
