"""The SQLite side of storage/series.py, which has the docstrings."""

from __future__ import annotations

from queuectl_core.storage.series_records import EventPage, Flow, PastEvent, Run
from queuectl_core.storage.sqlite import statements_series as sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import apsw

    from queuectl_core.storage.sqlite.rows import Row

    Ask = Callable[[str, Mapping[str, apsw.SQLiteValue]], list[Row]]

MINUTE_MS = 60_000
REACH = 20_000
"""Events that one look passes at most, however rare what is sought."""
RUNS_REACH = 15_000
"""Events that are all read, in 5 ms; of more, some are, spread over the range."""
HASH, WORD = 2_654_435_761, 1 << 32


def flow(ask: Ask, *, since_ms: int, step_ms: int) -> list[Flow]:
    """See Series.flow."""
    minutes = step_ms // MINUTE_MS
    values: dict[str, apsw.SQLiteValue] = {"since": since_ms // MINUTE_MS, "minutes": minutes}
    return [Flow(row[0] * step_ms, *row[1:]) for row in ask(sql.FLOW, values)]


def runs(ask: Ask, *, since_ms: int, limit: int) -> list[Run]:
    """See Series.runs."""
    newest = ask(sql.NEWEST, {})[0][0]
    oldest = _first_since(ask, since_ms, newest)
    values: dict[str, apsw.SQLiteValue]
    if newest - oldest < RUNS_REACH:
        values = {"since": since_ms, "limit": limit, "floor": oldest - 1}
        found = ask(sql.RUNS, values)
    else:
        found = ask(sql.SOME_RUNS, {"seqs": _spread(oldest, newest, limit)})
    return [
        Run(at_ms, queue, job, bool(good), wait_ms, duration_ms)
        for at_ms, queue, job, good, wait_ms, duration_ms in found
    ]


def _first_since(ask: Ask, since_ms: int, newest: int) -> int:
    """Return the number of the first event from a moment on: they lie in the order of time.

    Where a clock went back, one nearby; twenty look-ups among a million.
    """
    low: int = ask(sql.OLDEST, {})[0][0]
    high = newest
    while low < high:
        middle = (low + high) // 2
        if ask(sql.MOMENT_FROM, {"seq": middle})[0][0] < since_ms:
            low = middle + 1
        else:
            high = middle
    return low


def _spread(oldest: int, newest: int, limit: int) -> str:
    """Return numbers over a range as JSON, each from another of `limit` parts alike.

    Where in its part is the multiplicative hash of its place: with a fixed one, events that take
    turns would be met always or never.
    """
    part = (newest - oldest + 1) / limit
    places = (oldest + int((place + (place * HASH % WORD) / WORD) * part) for place in range(limit))
    return f"[{','.join(map(str, places))}]"


def history(
    ask: Ask, *, below: int | None, limit: int, events: Sequence[str], job: int | None
) -> EventPage:
    """See Series.history."""
    end = ask(sql.NEWEST, {})[0][0] + 1 if below is None else below
    floor = max(0, end - (REACH if events or job is not None else limit))
    values: dict[str, apsw.SQLiteValue] = {"below": end, "floor": floor, "limit": limit, "job": job}
    values.update({f"event{place}": event for place, event in enumerate(events)})
    statement = sql.history(len(events), one_job=job is not None)
    found = [PastEvent._make(row) for row in ask(statement, values)]
    reached = found[-1].seq if len(found) == limit else floor
    more = reached > ask(sql.OLDEST, {})[0][0]
    return EventPage(found, reached if more else None)


def happened(ask: Ask, *, after: int, limit: int) -> list[PastEvent]:
    """See Series.happened."""
    return [PastEvent._make(row) for row in ask(sql.HAPPENED, {"after": after, "limit": limit})]
