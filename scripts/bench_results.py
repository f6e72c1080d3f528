"""Where results are kept: each part in build/bench, all in docs/benchmarks.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench_rounds import Row
from bench_world import RESULTS, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

KEPT = ROOT / "docs" / "benchmarks.json"
DIGITS = 4


def keep(part: str, rows: Sequence[Row], facts: dict[str, object], folder: Path = RESULTS) -> Path:
    """Write what a part came to, over what it came to before."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{part}.json"
    found = {"facts": facts, "rows": [_plain(row) for row in rows]}
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return path


def merge(kept: Path = KEPT, folder: Path = RESULTS) -> dict[str, Any]:
    """Put what was measured since into the kept results; return all of them."""
    parts = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for path in sorted(folder.glob("*.json")):
        parts[path.stem] = json.loads(path.read_text(encoding="utf-8"))
    kept.write_text(_compact(parts), encoding="utf-8")
    return parts


def rows_of(part: dict[str, Any]) -> list[Row]:
    """Return the rows that a part was kept with."""
    return [Row(**row) for row in part["rows"]]


def _plain(row: Row) -> dict[str, object]:
    """Return what is said of a row; a figure has no more digits than it can mean."""
    return {
        name: _rounded(value) for name, value in row._asdict().items() if value not in ("", [])
    } | {name: getattr(row, name) for name in ("group", "durability")}


def _rounded(value: object) -> object:
    if isinstance(value, list):
        return [float(f"{each:.{DIGITS}g}") for each in value]
    return value


def _compact(parts: dict[str, Any]) -> str:
    """Return JSON with one line for each row: small, and a change of one shows."""
    told = []
    for name in sorted(parts):
        rows = ",\n  ".join(json.dumps(row) for row in parts[name]["rows"])
        facts = json.dumps(parts[name]["facts"])
        told.append(f'{json.dumps(name)}: {{"facts": {facts},\n "rows": [\n  {rows}]}}')
    return "{" + ",\n".join(told) + "}\n"
