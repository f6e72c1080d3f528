"""Answers a selection: which way in is the narrowest, how far one look goes, what comes next."""

from __future__ import annotations

from array import array

from queuectl_core.selection import Page
from queuectl_core.storage.sqlite import rows
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite import statements_select as select_sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from queuectl_core.selection import Selection
    from queuectl_core.storage.sqlite.rows import Row

    Values = dict[str, apsw.SQLiteValue]

LAST = 2**63 - 1
REACH = 20_000
"""Rows that one look passes at most: 15 ms or so, however rare what is sought."""


def page(
    connection: apsw.Connection, selection: Selection, *, below: int | None, limit: int
) -> Page:
    """Return the newest selected jobs under `below`."""
    conditions = _tests(connection, selection)
    way = _way(connection, selection)
    values = _values(selection) | {"below": LAST if below is None else below, "limit": limit}
    floor = None
    if way != select_sql.NUMBERS:
        values["reach"] = limit if conditions.keys() <= {way} else max(limit, REACH)
        found = connection.execute(select_sql.floor(selection, way), values).fetchone()
        floor = None if found is None else int(found[0])
    values["floor"] = 0 if floor is None else floor
    statement = select_sql.page(way, conditions.values())
    jobs = [rows.job(row) for row in connection.execute(statement, values)]
    return Page(
        jobs, jobs[-1].number if way != select_sql.NUMBERS and len(jobs) == limit else floor
    )


def ranking(
    connection: apsw.Connection,
    selection: Selection,
    *,
    order: str,
    descending: bool,
    limit: int | None,
) -> Sequence[int]:
    """Return the numbers of all selected jobs in an order."""
    values = _values(selection) | {
        "below": LAST, "floor": 0, "limit": -1 if limit is None else limit
    }  # fmt: skip
    statement = select_sql.ranking(
        _way(connection, selection),
        _tests(connection, selection).values(),
        order,
        "DESC" if descending else "ASC",
    )
    return array("q", (row[0] for row in connection.execute(statement, values)))


def count(connection: apsw.Connection, selection: Selection) -> int:
    """Return how many jobs are selected."""
    statement = select_sql.counting(
        _way(connection, selection), _tests(connection, selection).values()
    )
    values = _values(selection) | {"below": LAST, "floor": 0}
    found: int = connection.execute(statement, values).get
    return found


def _tests(connection: apsw.Connection, selection: Selection) -> dict[str, str]:
    """Return the conditions by field, and that on hooks where any of their runs would be found."""
    asked = select_sql.tests(selection)
    if select_sql.hides_hooks(selection) and connection.execute(select_sql.ANY_HIDDEN).get:
        asked["hooks"] = select_sql.HIDDEN
    return asked


def _way(connection: apsw.Connection, selection: Selection) -> str:
    """Return the narrowest way in, by the counts; a tag is rare by its nature."""
    if selection.numbers is not None:
        return select_sql.NUMBERS
    if selection.tag is not None:
        return select_sql.TAG
    if not selection.states and selection.queue is None:
        return select_sql.ALL
    counts: list[Row] = connection.execute(sql.COUNTS).fetchall()
    ways = {}
    if selection.states:
        ways[select_sql.STATES] = sum(
            jobs for _, state, jobs in counts if state in selection.states
        )
    if selection.queue is not None:
        ways[select_sql.QUEUE] = sum(jobs for queue, _, jobs in counts if queue == selection.queue)
    narrow = min(ways, key=lambda way: ways[way])
    # the table itself has no second lookup for each row: 2.5 times as fast
    return select_sql.ALL if ways[narrow] * 2 > sum(row[2] for row in counts) else narrow


def _values(selection: Selection) -> Values:
    """Return the parameters of a selection."""
    fields = selection._asdict()
    numbers, states, grep = fields.pop("numbers"), fields.pop("states"), fields.pop("grep")
    values: Values = dict(fields)
    values["numbers"] = rows.listed(numbers)
    values["grep"] = None if grep is None else _pattern(grep)
    values.update({f"state{place}": state for place, state in enumerate(states)})
    return values


def _pattern(text: str) -> str:
    """Return the LIKE pattern of a part that is taken literally."""
    for special in ("\\", "%", "_"):
        text = text.replace(special, "\\" + special)
    return f"%{text}%"
