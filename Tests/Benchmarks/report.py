"""Makes a table in Markdown and a plot in SVG of what the benchmark printed.

    report.py RESULTS OUTPUT

RESULTS has files ours.1, ours.2, ... and, where another library was measured, other.1, other.2, ...

SPDX-License-Identifier: BSD-2-Clause
"""

import pathlib
import platform
import re
import statistics
import sys

# As print_result() of main.c writes a line.
LINE = re.compile(r"^(?P<title>.{34}) (?P<unit>\S+) +(?P<kqueue>[\d.]+) +(?P<hand>[\d.]+|-) +(?P<ratio>[\d.]+|-) ")


def number(text):
    return None if text == "-" else float(text)


def read(folder, kind):
    """Maps a case's title to its unit and the columns of each round."""
    cases = {}
    for file in sorted(folder.glob(kind + ".*")):
        for line in file.read_text().splitlines():
            found = LINE.match(line)
            if found:
                case = cases.setdefault(found["title"].strip(), {"unit": found["unit"], "rounds": []})
                case["rounds"].append({name: number(found[name]) for name in ("kqueue", "hand", "ratio")})
    return cases


def column(case, name):
    """The median of a column and how far the rounds lie apart, or None."""
    values = [r[name] for r in case["rounds"] if r[name] is not None] if case else []
    return (statistics.median(values), max(values) - min(values)) if values else None


def show(value, digits):
    return "" if value is None else f"{value[0]:,.{digits}f}"


def machine():
    info = pathlib.Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    cores = info.read_text().count("processor\t") if info.exists() else 0
    return f"{model[1] if model else platform.machine()}, {cores} processors, {platform.system()} {platform.release()}"


def table(ours, others, rounds):
    head = ["", "unit", "kqueue", "by hand", "ratio", "±"] + (["other library's ratio"] if others else [])
    rows = [head, ["---"] * len(head)]
    for title, case in ours.items():
        ratio = column(case, "ratio")
        row = [title, case["unit"], show(column(case, "kqueue"), 1), show(column(case, "hand"), 1), show(ratio, 2)]
        row.append("" if ratio is None else f"{ratio[1] / 2:.2f}")
        if others:
            row.append(show(column(others.get(title), "ratio"), 2))
        rows.append(row)
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{machine()}; medians of rounds: {rounds}. Below 1 is faster than by hand.\n\n{text}\n"


def bars(ours, others):
    """Ratios as bars on one scale, which ends at 2; a line stands at 1."""
    left, scale, height = 290, 200, 22
    cases = [(title, column(case, "ratio")) for title, case in ours.items()]
    cases = [(title, ratio[0]) for title, ratio in cases if ratio]
    parts = []
    for place, (title, ratio) in enumerate(cases):
        top = 8 + place * height
        other = column(others.get(title), "ratio")
        parts.append(f'<text x="{left - 8}" y="{top + 12}" text-anchor="end">{title.replace("&", "&amp;")}</text>')
        if other:
            parts.append(f'<rect x="{left}" y="{top + 9}" width="{min(other[0], 2) * scale:.0f}" height="6" fill="#bbb"/>')
        width = min(ratio, 2) * scale
        parts.append(f'<rect x="{left}" y="{top + 1}" width="{width:.0f}" height="8" fill="#2a6f97"/>')
        parts.append(f'<text x="{left + width + 6:.0f}" y="{top + 12}">{ratio:.2f}</text>')
    bottom = 8 + len(cases) * height
    parts.append(f'<line x1="{left + scale}" y1="4" x2="{left + scale}" y2="{bottom}" stroke="#c33"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + 2 * scale + 60}" height="{bottom + 8}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def main():
    results, output = map(pathlib.Path, sys.argv[1:])
    ours, others = read(results, "ours"), read(results, "other")
    if not ours:
        sys.exit("the benchmark printed no case")
    rounds = max(len(case["rounds"]) for case in ours.values())
    (output / "performance.md").write_text(table(ours, others, rounds))
    (output / "performance.svg").write_text(bars(ours, others))


main()
