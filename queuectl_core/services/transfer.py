"""Jobs out of one queue and into another, with their states: NDJSON, one record a line.

Both ways in bounded memory. Into a queue, what was of the other's making is left behind: numbers,
workers; a job that ran waits again. Jobs that wait for each other do so here too, by new numbers.
"""

from __future__ import annotations

from array import array
from functools import partial

from queuectl_core.errors import BadData
from queuectl_core.flow import REASONS, Flow
from queuectl_core.job import Job, is_encodable, shown
from queuectl_core.lifecycle import FINAL, STATES, State
from queuectl_core.run import ENDINGS, Attempt
from queuectl_core.services import bulk, intake, jobs, listing, waiting
from queuectl_core.services.bulk import BadLine, Batch, Stream
from queuectl_core.storage.records import History

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from io import BufferedReader

    from queuectl_core.job import Enqueued, NewJob
    from queuectl_core.selection import Selection
    from queuectl_core.services.bulk import Plan
    from queuectl_core.services.intake import Defaults
    from queuectl_core.storage.store import Store

    Fields = Mapping[str, object]

CHUNK = 1_000
_ENDLESS_S = 1e12


def export(
    store: Store, selection: Selection, *, history: bool = False
) -> Iterator[list[dict[str, object]]]:
    """Yield pages of the records of all selected jobs, the oldest first: 8 bytes held for each.

    `history`: with the attempts of each.
    """
    for page in listing.sorted_pages(store, selection, order="number", descending=False):
        records = [_record(store, job) for job in page]
        if history:
            for job, record in zip(page, records, strict=True):
                attempts = store.attempts(job.number) if job.starts else []
                record["history"] = [jobs.attempt_record(one) for one in attempts]
        yield records


def _record(store: Store, job: Job) -> dict[str, object]:
    """Return the record of a job; one that has not ended names only those that it still awaits."""
    record = jobs.record(job)
    if job.after is not None and job.state not in FINAL:
        record["after"] = waiting.awaited(store, job) or None
    return record


def adopt(store: Store, file: BufferedReader, plan: Plan) -> Iterator[Batch]:
    """Add the jobs of a stream in their states; each Batch is on disk when it is yielded.

    16 bytes are held for each job: later ones may wait for it.
    """
    numbers = Numbers()

    def add(some: Sequence[History], now_ms: int) -> Sequence[Enqueued]:
        added = store.adopt(some, now_ms=now_ms, on_conflict=plan.on_conflict, known=numbers.here)
        for history, one in zip(some, added, strict=True):
            if history.origin is not None:
                numbers.learn(history.origin, one.number)
        return added

    for lines, histories, bad, now_ms in _read(file, plan):
        batch = bulk.put(lines, histories, partial(add, now_ms=now_ms))
        yield batch._replace(bad=sorted([*bad, *batch.bad], key=lambda item: item.line))


def check(file: BufferedReader, plan: Plan) -> Iterator[Batch]:
    """Read and judge all lines, and add nothing."""
    for _, histories, bad, _ in _read(file, plan):
        yield Batch(len(histories), (), bad)


def _read(
    file: BufferedReader, plan: Plan
) -> Iterator[tuple[list[int], list[History], list[BadLine], int]]:
    for lot in Stream(file).lots():
        lines = list(lot.numbered())
        for start in range(0, len(lines), CHUNK):
            defaults = plan.defaults._replace(now_ms=plan.clock.now_ms())
            good: list[int] = []
            histories: list[History] = []
            bad: list[BadLine] = []
            for number, line in lines[start : start + CHUNK]:
                if not line.strip():
                    continue
                try:
                    histories.append(read(line, defaults))
                    good.append(number)
                except BadData as error:
                    bad.append(BadLine(number, error))
            yield good, histories, bad, defaults.now_ms


class Numbers:
    """Which number jobs got here, by the one that they had in the other queue."""

    def __init__(self) -> None:
        self._there, self._here = array("q"), array("q")
        self._strays: dict[int, int] = {}  # those out of order: an export has none

    def learn(self, there: int, here: int) -> None:
        """Note the new number of a job."""
        if self._there and there <= self._there[-1]:
            self._strays[there] = here
            return
        self._there.append(there)
        self._here.append(here)

    def here(self, there: int) -> int | None:
        """Return a job's new number; None where it did not come along."""
        from bisect import bisect_left  # noqa: PLC0415 - few jobs wait for others

        place = bisect_left(self._there, there)
        if place < len(self._there) and self._there[place] == there:
            return self._here[place]
        return self._strays.get(there)


# --- one record ---


def read(line: bytes, defaults: Defaults) -> History:
    """Return the job and the attempts of an exported line; BadData where it is none."""
    try:
        objects = intake.read_objects(line.decode())
    except UnicodeDecodeError as error:
        raise BadData(f"not valid UTF-8 at byte {error.start + 1}") from error
    if len(objects) != 1:
        raise BadData("one job a line", hint="queuectl export writes such lines")
    fields = objects[0]
    attempts = _attempts(fields.get("history"), defaults)
    expires_at_ms = _moment_ms(fields, "expires_at", defaults)  # past or not, as it was
    new = intake.new_job({**fields, "expires_at": None}, defaults)
    job = _job(fields, new, defaults, starts=max((one.start for one in attempts), default=0))
    wished = new.flow
    if expires_at_ms is not None:
        wished = (wished or Flow())._replace(expires_at_ms=expires_at_ms)
    return History(job, attempts, wished, _whole(fields, "number"))


def _job(fields: Fields, new: NewJob, defaults: Defaults, *, starts: int) -> Job:
    """Return the job as it was, but that one that ran waits again."""
    state = _state(fields.get("state"))
    attempts = _whole(fields, "attempts") or 0
    times = {f"{name}_ms": _moment_ms(fields, name, defaults) for name in _MOMENTS}
    if state in FINAL and times["finished_at_ms"] is None:
        times["finished_at_ms"] = defaults.now_ms
    values: dict[str, object] = dict.fromkeys(Job._fields)
    values |= {name: value for name, value in new._asdict().items() if name in Job._fields}
    values |= {
        **times,
        "number": 0,
        "state": state,
        "reason": _reason(fields, state),
        "attempts": attempts,
        "starts": max(starts, attempts),
        "crashes": 0,
        "cancel_requested": False,
        "exit_code": _whole(fields, "exit_code"),
        "signal": _whole(fields, "signal"),
        "error": _text(fields, "error"),
        "duration_ms": _span_ms(fields, "duration"),
        "cpu_ms": _span_ms(fields, "cpu"),
        "max_rss_bytes": _whole(fields, "max_rss"),
        "run_at_ms": defaults.now_ms if new.run_at_ms is None else new.run_at_ms,
        "created_at_ms": times["created_at_ms"] or defaults.now_ms,
    }
    return Job(**values)  # type: ignore[arg-type]


_MOMENTS = ("created_at", "started_at", "finished_at")


def _state(value: object) -> State:
    """Return the state that a job has here: pending where none is told, or where it ran."""
    if value is None or value == State.PROCESSING:
        return State.PENDING
    if not isinstance(value, str) or value not in STATES:
        raise BadData(f"there is no state {shown(value)}", hint="one of " + ", ".join(STATES))
    return STATES[value]


def _reason(fields: Fields, state: State) -> str | None:
    """Return why it ended so, or waits; what blocks it the queue finds out by itself."""
    reason = _text(fields, "reason")
    return None if state not in FINAL and reason in REASONS.values() else reason


def _attempts(value: object, defaults: Defaults) -> list[Attempt]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise BadData(f"history must be a list of attempts, not {shown(value)}")
    return [_attempt(one, defaults) for one in value]


def _attempt(fields: Fields, defaults: Defaults) -> Attempt:
    ending = fields.get("ending")
    if not isinstance(ending, str) or ending not in ENDINGS:
        raise BadData(f"history: there is no ending {shown(ending)}")
    finished_at_ms = _moment_ms(fields, "finished_at", defaults) or defaults.now_ms
    return Attempt(
        job=0,
        start=_whole(fields, "attempt") or 1,
        worker=_whole(fields, "worker"),
        started_at_ms=_moment_ms(fields, "started_at", defaults) or finished_at_ms,
        finished_at_ms=finished_at_ms,
        ending=ENDINGS[ending],
        exit_code=_whole(fields, "exit_code"),
        signal=_whole(fields, "signal"),
        error=_text(fields, "error"),
        duration_ms=_span_ms(fields, "duration") or 0,
        cpu_ms=_span_ms(fields, "cpu"),
        max_rss_bytes=_whole(fields, "max_rss"),
        output_bytes=_whole(fields, "output_bytes") or 0,
    )


def _whole(fields: Fields, name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise BadData(f"{name} must be a whole number from 0 on, not {shown(value)}")
    return value


def _text(fields: Fields, name: str) -> str | None:
    value = fields.get(name)
    if value is not None and (not isinstance(value, str) or not is_encodable(value)):
        raise BadData(f"{name} must be text, not {shown(value)}")
    return value


def _span_ms(fields: Fields, name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not 0 <= value < _ENDLESS_S
    ):
        raise BadData(f"{name} must be seconds from 0 on, not {shown(value)}")
    return round(value * 1000)


def _moment_ms(fields: Fields, name: str, defaults: Defaults) -> int | None:
    from queuectl_core.durations import parse_moment_ms  # noqa: PLC0415 - re, datetime: 12 ms

    value = _text(fields, name)
    if value is None:
        return None
    try:
        return parse_moment_ms(value, now_ms=defaults.now_ms, naive=defaults.naive)
    except BadData as error:
        raise BadData(f"{name}: {error}", hint=error.hint) from error
