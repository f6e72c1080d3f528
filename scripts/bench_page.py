"""The tables and pictures of docs/benchmarks.md, made from the kept results; no number by hand.

A part's place on the page is between `<!-- bench NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import bench_chart
from bench_results import merge, rows_of
from bench_rounds import spread
from bench_world import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from bench_rounds import Row

PAGE = ROOT / "docs" / "benchmarks.md"
PICTURES = {
    "jobs": "Jobs a second, of xargs -P at the same width",
    "peers": "Jobs a second beside others, of xargs -P at the same width",
}
PLACE = re.compile(r"(<!-- bench (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class _Head(NamedTuple):
    """A column: what stands over it, and what a row has there."""

    name: str
    cell: Callable[[Row], str]


HEADS = (
    _Head("", lambda row: row.group),
    _Head("what", lambda row: row.what),
    _Head("durability", lambda row: row.durability),
    _Head("figure", lambda row: f"{spread(row.figures)} {row.unit}"),
    _Head("ratio", lambda row: f"{spread(row.ratios)} of {row.of}" if row.ratios else ""),
    _Head("CPU, ms", lambda row: spread(row.cpu_ms)),
    _Head("goal", lambda row: row.goal),
    _Head("reached", lambda row: {True: "yes", False: "no", None: ""}[row.reached()]),
    _Head("", lambda row: row.note),
)


def write(page: Path = PAGE) -> list[Path]:
    """Write page and pictures anew from all results; return what was written."""
    parts = merge()
    page.write_text(with_tables(page.read_text(encoding="utf-8"), parts), encoding="utf-8")
    written = [page]
    for name, picture in pictures(parts).items():
        path = page.parent / "images" / name
        path.write_text(picture, encoding="utf-8")
        written.append(path)
    return written


def with_tables(text: str, parts: Mapping[str, Any]) -> str:
    """Return a page with what is kept of each part in its place.

    Raises SystemExit for a part that has no place, or a place whose part was never measured.
    """
    places = {found[1] for found in PLACE.findall(text)}
    if places != set(parts):
        raise SystemExit(f"bench: the page and the results differ in {places ^ set(parts)}")
    return PLACE.sub(
        lambda found: f"{found[1]}{section(found[2], parts[found[2]])}{found[3]}", text
    )


def section(name: str, part: Mapping[str, Any]) -> str:
    """Return the table of a part, the picture where there is one, and what it was measured on."""
    rows = rows_of(dict(part))
    picture = f"![{PICTURES[name]}](images/bench-{name}.svg)\n\n" if name in PICTURES else ""
    return f"\n{picture}{table(rows)}\n{_measured(part['facts'])}\n\n"


def table(rows: Sequence[Row]) -> str:
    """Return rows as a table, without the columns in which nothing stands."""
    heads = [head for head in HEADS if any(head.cell(row) for row in rows)]
    lines = [[head.name for head in heads], ["---"] * len(heads)]
    lines += [[head.cell(row).replace("|", "\\|") for head in heads] for row in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def pictures(parts: Mapping[str, Any]) -> dict[str, str]:
    """Return the pictures, by the names of their files."""
    return {
        f"bench-{name}.svg": bench_chart.chart(title, rows_of(parts[name]))
        for name, title in PICTURES.items()
        if name in parts
    }


def _measured(facts: Mapping[str, Any]) -> str:
    """Return in a sentence what a part was measured on."""
    return ", ".join(
        (
            f"{facts['date']}",
            f"version {facts['version']}",
            f"{facts['cores']} cores ({facts['processor']})",
            f"{facts['system']}",
            f"kernel {facts['kernel']}",
            f"{facts['file_system']}",
            f"Python {facts['python']}",
            (
                f"sync of a commit {facts['fsync_us_before']} us before,"
                f" {facts['fsync_us_after']} after"
            ),
            f"load {facts['load_before']} before, {facts['load_after']} after",
            "quick size" if facts["quick"] else "full size",
            f"seed {facts['seed']}.",
        )
    )
