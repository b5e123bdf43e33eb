"""Makes plots in SVG, and a table in Markdown, of how costs grow, as `bench -c` printed them.

    curves.py RESULTS OUTPUT

RESULTS has a file curves and, where another library was measured, other-curves.

SPDX-License-Identifier: BSD-2-Clause
"""

import html
import math
import pathlib
import re
import sys

# As measure_at() of curves.c writes a line.
LINE = re.compile(
    r"^(?P<name>\S+) +(?P<size>\d+) (?P<unit>\S+) +(?P<kqueue>[\d.]+|-) +(?P<hand>[\d.]+|-) +\S+  (?P<title>.+)$"
)
WIDTH, HEIGHT, LEFT, TOP, ACROSS = 300, 190, 46, 26, 3
COLOURS = {"kqueue": "#2a6f97", "hand": "#c33", "other": "#999"}


def number(text):
    return None if text == "-" else float(text)


def read(file):
    """Maps a curve's name to its title, unit and points."""
    curves = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        found = LINE.match(line)
        if found:
            curve = curves.setdefault(found["name"], {"title": found["title"], "unit": found["unit"], "points": []})
            point = {name: number(found[name]) for name in ("kqueue", "hand")}
            curve["points"].append({"size": int(found["size"]), **point})
    return curves


def lines(curve, other):
    """The lines of a panel: name to (size, value) pairs."""
    found = {name: [(p["size"], p[name]) for p in curve["points"] if p[name]] for name in ("kqueue", "hand")}
    found["other"] = [(p["size"], p["kqueue"]) for p in other["points"] if p["kqueue"]] if other else []
    return {name: points for name, points in found.items() if points}


class Scale:
    """Both axes by powers of ten."""

    def __init__(self, points, left, top):
        self.left, self.top = left, top
        self.x = self.span([x for x, _ in points])
        self.y = self.span([y for _, y in points])

    @staticmethod
    def span(values):
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return low, max(high, low + 1)

    def across(self, value):
        low, high = self.x
        return self.left + (math.log10(value) - low) / (high - low) * (WIDTH - LEFT - 16)

    def down(self, value):
        low, high = self.y
        return self.top + (high - math.log10(value)) / (high - low) * (HEIGHT - TOP - 36)


def short(value):
    for size, letter in ((10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value // size}{letter}"
    return str(value)


def panel(curve, other, left, top):
    found = lines(curve, other)
    scale = Scale([point for points in found.values() for point in points], left + LEFT, top + TOP)
    parts = [f'<text x="{left + LEFT}" y="{top + 14}" font-weight="bold">{html.escape(curve["title"])}</text>']
    for power in range(scale.x[0], scale.x[1] + 1):
        x, bottom = scale.across(10**power), scale.down(10 ** scale.y[0])
        parts.append(f'<line x1="{x:.0f}" y1="{top + TOP}" x2="{x:.0f}" y2="{bottom:.0f}" stroke="#eee"/>')
        parts.append(f'<text x="{x:.0f}" y="{bottom + 14:.0f}" text-anchor="middle">{short(10**power)}</text>')
    for power in range(scale.y[0], scale.y[1] + 1):
        y, right = scale.down(10**power), scale.across(10 ** scale.x[1])
        label = f'{short(10**power) if power >= 0 else f"{10.0**power:g}"} {curve["unit"]}'
        parts.append(f'<line x1="{left + LEFT}" y1="{y:.0f}" x2="{right:.0f}" y2="{y:.0f}" stroke="#eee"/>')
        parts.append(f'<text x="{left + LEFT - 4}" y="{y + 4:.0f}" text-anchor="end">{label}</text>')
    for name, points in found.items():
        path = " ".join(f"{scale.across(x):.1f},{scale.down(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
    return "".join(parts)


def plot(curves, others):
    rows = -(-len(curves) // ACROSS)
    width, height = ACROSS * WIDTH, rows * HEIGHT + 24
    key = [("kqueue", "kqueue"), ("hand", "by hand")] + ([("other", "other library")] if others else [])
    parts = [f'<text x="{46 + 110 * i}" y="16" fill="{COLOURS[name]}">{text}</text>' for i, (name, text) in enumerate(key)]
    for place, (name, curve) in enumerate(curves.items()):
        left, top = place % ACROSS * WIDTH, 24 + place // ACROSS * HEIGHT
        parts.append(panel(curve, others.get(name), left, top))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        f'font-size="11"><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def table(curves):
    rows = ["| | size | unit | kqueue | by hand | ratio |", "| --- | --- | --- | --- | --- | --- |"]
    for curve in curves.values():
        for place, point in enumerate(curve["points"]):
            ours, hand = point["kqueue"], point["hand"]
            ratio = f"{ours / hand:.2f}" if ours and hand else ""
            cells = ["" if value is None else f"{value:,.1f}" for value in (ours, hand)]
            title = curve["title"] if place == 0 else ""
            rows.append(f'| {title} | {point["size"]:,} | {curve["unit"]} | {cells[0]} | {cells[1]} | {ratio} |')
    return "\n".join(rows) + "\n"


def main():
    results, output = map(pathlib.Path, sys.argv[1:])
    curves, others = read(results / "curves"), read(results / "other-curves")
    if not curves:
        sys.exit("the benchmark printed no curve")
    (output / "curves.md").write_text(table(curves))
    (output / "curves.svg").write_text(plot(curves, others))


main()
