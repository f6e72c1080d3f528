"""Inserts thousands of new jobs in one statement.

What all of them share is bound once; the rest goes in as one JSON array, which SQLite reads by
itself, without the interpreter's lock. executemany steps through the statement for each row:
6.7 us where this takes 2.0 to 2.8, the row and its indexes included.

All that takes the interpreter is in `prepare`, which needs no queue: a thread can do it beside.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from queuectl_core.job import Enqueued, NewJob
from queuectl_core.records import Record
from queuectl_core.storage.sqlite import rows
from queuectl_core.storage.sqlite import statements as sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    import apsw

    from queuectl_core.storage.sqlite.rows import Row

    Cells = Sequence[Any]  # of one column; the driver knows no types
    Columns = Mapping[str, Cells]

MOST_APART = 4
"""Columns that may differ; with more, executemany is as fast."""
_NAMES = ("id", "queue")
"""Columns without blanks in their values: what fills them up can be told from them."""
_TEXT = "command"


class Prepared(Record):
    """New jobs, at least one, as they go into the table, and their figures.

    `statement` inserts all of them with the one `values`, or each with one of `each`.
    """

    jobs: Sequence[NewJob]
    now_ms: int
    statement: str
    values: Mapping[str, apsw.SQLiteValue]
    each: Sequence[Row]
    ids: Sequence[str | None]
    moments_ms: Sequence[int]
    lines: Mapping[tuple[str, int], tuple[int, int]]
    tagged: bool


class Added(Sequence[Enqueued]):
    """What became of prepared jobs that were inserted: made when somebody asks, few do."""

    def __init__(self, first: int, prepared: Prepared) -> None:
        self.numbers = range(first, first + len(prepared.jobs))
        self._prepared = prepared

    def __len__(self) -> int:
        """Return how many there are: all of them."""
        return len(self.numbers)

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401 - as Sequence has it, twice overloaded
        """Return one of them, or some."""
        return list(self)[place] if isinstance(place, slice) else self._at(place)

    def __iter__(self) -> Iterator[Enqueued]:
        """Give them in the order of their numbers."""
        return map(self._at, range(len(self)))

    def _at(self, place: int) -> Enqueued:
        job_id, moment_ms = self._prepared.ids[place], self._prepared.moments_ms[place]
        return Enqueued(self.numbers[place], job_id, created=True, run_at_ms=moment_ms)


def prepare(jobs: Sequence[NewJob], now_ms: int) -> Prepared:
    """Do all that can be done for new jobs without the queue."""
    columns = _columns(jobs, now_ms)
    apart = [name for name, cells in columns.items() if cells.count(cells[0]) < len(cells)]
    statement, values, each = _insertion(columns, apart)
    ids, moments_ms = columns["id"], columns["run_at_ms"]
    tagged = any(columns["tags"])
    lines = _lines(columns)
    return Prepared(jobs, now_ms, statement, values, each, ids, moments_ms, lines, tagged)


def _lines(columns: Columns) -> Mapping[tuple[str, int], tuple[int, int]]:
    """Return how many jobs come into each line, and a moment before which none of them is due."""
    first_ms = min(columns["run_at_ms"])
    pairs = zip(columns["queue"], columns["priority"], strict=True)
    return {line: (count, first_ms) for line, count in Counter(pairs).items()}


def insert(connection: apsw.Connection, prepared: Prepared) -> Added:
    """Insert the jobs in their order.

    AUTOINCREMENT numbers them without a gap, since nobody else writes meanwhile. Counts the rows:
    a statement that reads too few elements from its array would lose jobs without a word.
    """
    before = connection.total_changes()
    if prepared.each:
        connection.executemany(prepared.statement, prepared.each)
    else:
        connection.execute(prepared.statement, prepared.values)
    inserted = connection.total_changes() - before
    if inserted != len(prepared.jobs):
        raise AssertionError(f"{inserted} of {len(prepared.jobs)} jobs were inserted")
    return Added(connection.last_insert_rowid() - len(prepared.jobs) + 1, prepared)


def _columns(jobs: Sequence[NewJob], now_ms: int) -> Columns:
    """Return the values of INSERT_JOB by column, as rows.new_job has them by job."""
    fields: dict[str, Cells] = dict(zip(NewJob._fields, zip(*jobs, strict=True), strict=True))
    fields["created_at_ms"] = (now_ms,) * len(jobs)
    moments_ms = fields["run_at_ms"]
    if None in moments_ms:
        moments_ms = tuple(now_ms if moment is None else moment for moment in moments_ms)
        fields["run_at_ms"] = moments_ms
    return {name: _stored(fields[name]) for name in sql.NEW_COLUMNS}


def _stored(cells: Cells) -> Cells:
    plain = {str, int, type(None)}.issuperset(map(type, cells))
    return cells if plain else tuple(map(rows.column, cells))


def _insertion(
    columns: Columns, apart: Sequence[str]
) -> tuple[str, Mapping[str, apsw.SQLiteValue], Sequence[Row]]:
    if len(apart) > MOST_APART:
        return sql.INSERT_JOB, {}, list(zip(*columns.values(), strict=True))
    shared = {name: cells[0] for name, cells in columns.items() if name not in apart}
    places, rest = _packed(columns, apart) or _nested(columns, apart)
    text = json.dumps(rest, ensure_ascii=False, separators=(",", ":"))
    return sql.insert_jobs(places), {**shared, "rest": text}, ()


def _nested(columns: Columns, apart: Sequence[str]) -> tuple[Mapping[str, str], Cells]:
    """Return what reads each column from an element of the array, and the elements: arrays."""
    if not apart:
        return {}, (0,) * len(columns["id"])
    if len(apart) == 1:
        return {apart[0]: "value"}, columns[apart[0]]
    places = {name: f"value ->> {place}" for place, name in enumerate(apart)}
    return places, list(zip(*(columns[name] for name in apart), strict=True))


def _packed(columns: Columns, apart: Sequence[str]) -> tuple[Mapping[str, str], Cells] | None:
    """Return the same for elements of one text each, or None where columns don't fit in one.

    SQLite parses a nested array once more for each of its values, 0.3 us; a text it just cuts.
    Numbers and names first, filled up with blanks to one width, and at the end any text.
    """
    if len(apart) < 2:  # noqa: PLR2004 - one value needs no cutting
        return None
    start, form, places = 1, "", {}
    ordered = sorted(apart, key=_TEXT.__eq__)
    for name in ordered:
        kinds = set(map(type, columns[name]))
        if not (kinds == {int} or (kinds == {str} and name in (*_NAMES, _TEXT))):
            return None
        if name == _TEXT:
            places[name], form = f"substr(value, {start})", form + "%s"
            continue
        width = max(map(len, map(str, columns[name])))
        cut = f"substr(value, {start}, {width})"
        places[name] = f"CAST({cut} AS INTEGER)" if kinds == {int} else f"rtrim({cut})"
        start, form = start + width, f"{form}%-{width}s"
    cells = zip(*(columns[name] for name in ordered), strict=True)
    return places, list(map(form.__mod__, cells))
