#!/usr/bin/env python3
"""Draw the samples of a day as an SVG of three panels over one time axis: draw.py SAMPLES SVG

The same samples give the same bytes. Colours follow the reader's light or dark scheme.
"""

import math
import sys
from html import escape

WIDTH, LEFT, RIGHT = 1280, 84, 24
TOP, GAP = 124, 62
HEIGHTS = (250, 190, 230)

# class: light, dark
COLOURS = {
    "default": ("#1971c2", "#4dabf7"), "scoring": ("#2b8a3e", "#69db7c"), "webhooks": ("#c2255c", "#f783ac"),
    "chat": ("#6741d9", "#b197fc"), "held": ("#495057", "#ced4da"), "all": ("#2b8a3e", "#69db7c"),
    "others": ("#868e96", "#868e96"), "quiet": ("#1971c2", "#4dabf7"), "a": ("#e8590c", "#ff922b"),
    "b": ("#6741d9", "#b197fc"), "c": ("#0c8599", "#3bc9db"), "sql": ("#2b8a3e", "#69db7c"),
}
STYLE = """
text { font-family: 'DejaVu Sans', Verdana, 'Segoe UI', sans-serif; font-size: 12px; fill: %(ink)s }
.title { font-size: 21px; font-weight: bold } .head { font-size: 14px; font-weight: bold } .soft { fill: %(soft)s }
.end { text-anchor: end } .mid { text-anchor: middle } .mark { fill: %(ink)s }
.page { fill: %(page)s } .plot { fill: %(plot)s }
.grid { stroke: %(grid)s; fill: none } .axis { stroke: %(soft)s; fill: none }
.out-a { fill: %(a)s; fill-opacity: .15 } .out-b { fill: %(b)s; fill-opacity: .17 }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round }
.thin { stroke-width: 1.3 } .dash { stroke-dasharray: 5 3 }
"""
SCHEMES = ({"ink": "#212529", "soft": "#5c636a", "page": "#ffffff", "plot": "#f8f9fa", "grid": "#dee2e6"},
           {"ink": "#f1f3f5", "soft": "#adb5bd", "page": "#16191d", "plot": "#1f2328", "grid": "#343a40"})


def read_samples(name):
    """Return the facts (lines that begin with #) and the rows, numbers throughout."""
    facts, rows, header = {"outages": [], "bursts": []}, [], None
    with open(name, encoding="utf-8") as file:
        for line in file:
            words = line.rstrip("\n").split("\t")
            kind = words[0][2:]
            if line.startswith("# outage"):
                facts["outages"].append({"vendor": words[1], "from": float(words[2]), "to": float(words[3]),
                                         "what": words[4]})
            elif line.startswith("# burst"):
                facts["bursts"].append((float(words[1]), int(words[2])))
            elif line.startswith("# import"):
                facts["import"] = (float(words[1]), int(words[2]))
            elif line.startswith("#"):
                facts[kind] = words[1]
            elif header is None:
                header = words
            else:
                rows.append(dict(zip(header, map(float, words))))
    return facts, rows


def scheme_css(index):
    colours = dict(SCHEMES[index], **{name: pair[index] for name, pair in COLOURS.items()})
    rules = STYLE % colours
    for name, pair in COLOURS.items():
        rules += f".s-{name} {{ stroke: {pair[index]} }} .f-{name} {{ fill: {pair[index]} }}\n"
    return rules


def number(value):
    """Write a coordinate with one decimal, without what it does not need."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def nice_step(span, parts):
    """Return a round step that cuts a span into about so many parts."""
    raw = span / parts
    power = 10 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw)


def width_of(words):
    """Guess the width of words in pixels."""
    return sum(4.2 if letter in "iljft.,:() '-" else 11 if letter in "mwMW" else 7.4 for letter in words)


class Panel:
    """A plot: its place, the scale of its values, and what is drawn in it."""

    def __init__(self, drawing, top, height, ticks, scale):
        self.drawing, self.top, self.height = drawing, top, height
        self.low, self.high, self.scale = scale(ticks[0][0]), scale(ticks[-1][0]), scale
        self.ticks = ticks

    def y(self, value):
        share = (self.scale(value) - self.low) / (self.high - self.low)
        return self.top + self.height * (1 - min(1, max(0, share)))

    def frame(self, title, unit, legend):
        drawing = self.drawing
        drawing.text(LEFT, self.top - 12, title, "head")
        drawing.legend(self.top - 12, legend)
        drawing.add(f'<rect class="plot" x="{LEFT}" y="{self.top}" width="{drawing.plot_width}" '
                    f'height="{self.height}"/>')
        for outage in drawing.outages:
            left, right = drawing.x(outage["from"]), drawing.x(outage["to"])
            drawing.add(f'<rect class="out-{outage["vendor"].lower()}" x="{number(left)}" y="{self.top}" '
                        f'width="{number(right - left)}" height="{self.height}"/>')
        path = "".join(f"M{LEFT} {number(self.y(value))}h{drawing.plot_width}" for value, _ in self.ticks)
        path += "".join(f"M{number(drawing.x(hour))} {self.top}v{self.height}" for hour in drawing.hours)
        drawing.add(f'<path class="grid" d="{path}"/>')
        if drawing.last > 24.2:
            drawing.add(f'<path class="axis dash" d="M{number(drawing.x(24))} {self.top}v{self.height}"/>')
        for value, label in self.ticks:
            drawing.text(LEFT - 8, self.y(value) + 4, label, "end soft")
        middle = number(self.top + self.height / 2)
        drawing.add(f'<text class="mid soft" transform="translate(18 {middle}) rotate(-90)">{escape(unit)}</text>')
        for hour in drawing.hours:
            drawing.text(drawing.x(hour), self.top + self.height + 17, f"{hour % 24:02d}:00", "mid soft")

    def line(self, name, classes):
        """Draw a column as a line; points on a straight run say nothing and are left out."""
        points = [(number(self.drawing.x(row["hour"])), number(self.y(row[name]))) for row in self.drawing.rows]
        kept = [point for n, point in enumerate(points)
                if n in (0, len(points) - 1) or not points[n - 1][1] == point[1] == points[n + 1][1]]
        self.drawing.add(f'<path class="line {classes}" d="M' + "L".join(" ".join(point) for point in kept) + '"/>')

    def bars(self, names, sign):
        """Draw columns stacked upon each other, away from zero, one path for each."""
        rows = self.drawing.rows
        base = [0.0] * len(rows)
        for name in names:
            path = ""
            for n, row in enumerate(rows):
                if n == 0 or row[name] == 0:
                    continue
                left, right = self.drawing.x(rows[n - 1]["hour"]), self.drawing.x(row["hour"])
                near, far = self.y(sign * base[n]), self.y(sign * (base[n] + row[name]))
                base[n] += row[name]
                path += f"M{number(left)} {number(near)}H{number(right)}V{number(far)}H{number(left)}z"
            self.drawing.add(f'<path class="f-{name.split("_")[1]}" d="{path}"/>')


class Drawing:
    """The picture: pieces of SVG, the time axis, the outages."""

    def __init__(self, facts, rows):
        self.facts, self.rows, self.outages = facts, rows, facts["outages"]
        self.pieces = []
        self.plot_width = WIDTH - LEFT - RIGHT
        self.last = max(24.0, rows[-1]["hour"])
        self.hours = range(0, int(self.last) + 1, 2)

    def add(self, piece):
        self.pieces.append(piece)

    def x(self, hour):
        return LEFT + self.plot_width * min(max(hour, 0), self.last) / self.last

    def text(self, x, y, words, classes=""):
        self.add(f'<text class="{classes}" x="{number(x)}" y="{number(y)}">{escape(words)}</text>')

    def legend(self, y, entries):
        """Write a row of samples and words, ending at the right edge."""
        x = WIDTH - RIGHT - sum(40 + width_of(words) for _, words in entries) + 16
        for classes, words in entries:
            if classes.startswith("f-"):
                self.add(f'<rect class="{classes}" x="{number(x + 4)}" y="{number(y - 10)}" width="12" height="11"/>')
            else:
                self.add(f'<path class="line {classes}" d="M{number(x)} {number(y - 4)}h18"/>')
            self.text(x + 23, y, words)
            x += 40 + width_of(words)

    def outage_labels(self):
        for vendor in sorted({outage["vendor"] for outage in self.outages}):
            own = [outage for outage in self.outages if outage["vendor"] == vendor]
            # A ends its label where its outage ends, B begins there: they never meet.
            name, x, anchor = {"A": ("Vendor A (webhooks) out", self.x(own[-1]["to"]), "end"),
                               "B": ("Vendor B (Slack) out", self.x(own[0]["from"]), "")}[vendor]
            self.text(x, TOP - 48, name, f"head f-{vendor.lower()} {anchor}")
            self.text(x, TOP - 32, ", then ".join(outage["what"] for outage in own), f"soft {anchor}")


def depth_panel(drawing, top, height):
    rows = drawing.rows
    names = ("default", "scoring", "webhooks", "chat")
    most = max(row["depth_" + name] for row in rows for name in names)
    powers = range(max(3, math.ceil(math.log10(2 * most))) + 1)
    ticks = [(0, "0")] + [(10 ** power, f"{10 ** power:,}") for power in powers]
    panel = Panel(drawing, top, height, ticks, lambda value: math.log10(1 + value))
    panel.frame("Queue depth", "waiting jobs, log scale",
                [("s-default", "default: fan-out of events"), ("s-scoring", "scoring: SQL handler"),
                 ("s-webhooks", "webhooks"), ("s-chat", "chat"),
                 ("thin dash s-held", "of these, held back or to be retried")])
    panel.line("held", "thin dash s-held")
    for name in names:
        panel.line("depth_" + name, "s-" + name)
    hour, leads = drawing.facts["import"]
    peak = panel.y(max(row["depth_scoring"] for row in rows))
    drawing.text(drawing.x(hour), peak - 8, f"CSV import: {leads:,} leads at once")
    marks = "".join(f"M{number(drawing.x(at))} {top}l-4 -7h8z" for at, _ in drawing.facts["bursts"])
    drawing.add(f'<path class="mark" d="{marks}"/>')


def lag_panel(drawing, top, height):
    most = max(row["lag_all"] for row in drawing.rows)
    powers = range(-2, max(1, math.ceil(math.log10(max(most, 0.1)))) + 1)
    ticks = [(10.0 ** power, f"{10.0 ** power:g}") for power in powers]
    ticks[0] = (ticks[0][0], "≤ 0.01")
    panel = Panel(drawing, top, height, ticks, lambda value: math.log10(max(value, 0.01)))
    panel.frame("Lag: age of the oldest due job", "real seconds, log scale",
                [("thin dash s-all", "of all jobs"), ("s-others", "without the import"),
                 ("s-quiet", "of the six quiet tenants")])
    panel.line("lag_all", "thin dash s-all")
    panel.line("lag_others", "s-others")
    panel.line("lag_quiet", "s-quiet")


def attempts_panel(drawing, top, height):
    done, failed = ("done_c", "done_a", "done_b"), ("failed_a", "failed_b", "failed_c", "failed_sql")
    up = max(sum(row[name] for name in done) for row in drawing.rows)
    down = max(sum(row[name] for name in failed) for row in drawing.rows)
    step = nice_step(up + down, 6)
    ticks = [(step * n, f"{abs(step * n):,.0f}") for n in range(-math.ceil(down / step), math.ceil(up / step) + 1)]
    panel = Panel(drawing, top, height, ticks, float)
    panel.frame("Attempts: delivered upwards, failed and retried downwards", "attempts each 5 min",
                [("f-c", "vendor C"), ("f-a", "vendor A"), ("f-b", "vendor B"),
                 ("f-sql", "SQL handlers (failed only)")])
    panel.bars(done, 1)
    panel.bars(failed, -1)
    drawing.add(f'<path class="axis" d="M{LEFT} {number(panel.y(0))}h{drawing.plot_width}"/>')


def draw(facts, rows):
    drawing = Drawing(facts, rows)
    tops = [TOP]
    for height in HEIGHTS[:-1]:
        tops.append(tops[-1] + height + GAP)
    bottom = tops[-1] + HEIGHTS[-1] + 64
    drawing.add(f'<rect class="page" width="{WIDTH}" height="{bottom}"/>')
    drawing.text(LEFT, 34, "A day of simulated traffic", "title")
    hour = float(facts["day_seconds"]) / 24
    drawing.text(LEFT, 55, f"seed {facts['seed']} · {facts['tenants']} tenants · {int(facts['events']):,} events · "
                 f"{int(facts['jobs']):,} jobs in {int(facts['attempts']):,} attempts · {int(facts['messages']):,} "
                 "messages to three vendors · two workers · "
                 f"an hour takes {hour:g} s · lost: {facts['lost']}", "soft")
    for panel, top, height in zip((depth_panel, lag_panel, attempts_panel), tops, HEIGHTS):
        panel(drawing, top, height)
    drawing.outage_labels()
    drawing.text(LEFT + drawing.plot_width / 2, bottom - 26,
                 "time of the simulated day, UTC; what lies beyond midnight is the rest draining"
                 if drawing.last > 24.2 else "time of the simulated day, UTC", "mid")
    drawing.text(LEFT, bottom - 8, "▼ in the first panel: a burst of the noisy tenant.", "soft")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom}" role="img">\n'
            "<title>A day of simulated traffic: queue depth, lag and attempts over time</title>\n"
            f"<style>{scheme_css(0)}@media (prefers-color-scheme: dark) {{{scheme_css(1)}}}</style>\n"
            + "\n".join(drawing.pieces) + "\n</svg>\n")


def main():
    facts, rows = read_samples(sys.argv[1])
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(draw(facts, rows))


if __name__ == "__main__":
    main()
