"""Rows of the SQLite engine to records and back.

JSON stands in a column only where it is rare: argv, env, options, tags, queues.
"""

from __future__ import annotations

from queuectl_core.errors import StorageDamaged
from queuectl_core.job import Job
from queuectl_core.lifecycle import STATES, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

    from apsw import SQLiteValue

    from queuectl_core.job import NewJob

    Row = tuple[Any, ...]  # the driver knows no types; STRICT tables keep them true

_STATE, _ARGV, _ENV, _CANCEL, _OPTIONS, _TAGS = map(
    Job._fields.index, ("state", "argv", "env", "cancel_requested", "options", "tags")
)


def _encoded(value: object) -> str:
    import json  # noqa: PLC0415 - 4 ms of every cold start, for a column that is rarely set

    return json.dumps(value, ensure_ascii=False)


def decoded(text: str) -> Any:  # noqa: ANN401 - JSON; the caller knows what it wrote
    """Return what JSON in a column stands for."""
    import json  # noqa: PLC0415 - see _encoded

    return json.loads(text)


def _options() -> ModuleType:
    from queuectl_core import options  # noqa: PLC0415 - json, signal: 9 ms, and few jobs have any

    return options


def state(word: str) -> State:
    """Return the state that a column names.

    StorageDamaged for any other word: the missing end of a torn file reads as zeros.
    """
    try:
        return STATES[word]
    except KeyError:
        raise _damaged(f"a row has the state {word!r}") from None


def whole(row: Row) -> Row:
    """Return a row of columns that are never NULL; StorageDamaged where one is, as in `state`."""
    if None in row:
        raise _damaged("a row has lost values")
    return row


def _damaged(how: str) -> StorageDamaged:
    return StorageDamaged(
        f"the queue file is damaged: {how}", hint="queuectl doctor, then queuectl restore BACKUP"
    )


def job(row: Row) -> Job:
    """Return the job that a row of COLUMNS holds."""
    fields: list[object] = list(row)
    fields[_STATE] = state(row[_STATE])
    fields[_CANCEL] = bool(fields[_CANCEL])
    if row[_ARGV] is not None:
        fields[_ARGV] = tuple(decoded(row[_ARGV]))
    if row[_ENV] is not None:
        fields[_ENV] = decoded(row[_ENV])
    if row[_OPTIONS] is not None:
        fields[_OPTIONS] = _options().from_json(row[_OPTIONS])
    fields[_TAGS] = () if row[_TAGS] is None else tuple(decoded(row[_TAGS]))
    return Job._make(fields)


def new_job(new: NewJob, now_ms: int) -> Row:
    """Return the values for INSERT_JOB."""
    return (
        new.id,
        new.queue,
        new.priority,
        now_ms if new.run_at_ms is None else new.run_at_ms,
        new.max_retries,
        new.command,
        None if new.argv is None else _encoded(new.argv),
        new.cwd,
        _encoded(new.env) if new.env else None,
        new.timeout_ms,
        new.backoff,
        new.on_crash,
        None if new.options is None else _options().to_json(new.options),
        _encoded(new.tags) if new.tags else None,
        now_ms,
    )


def column(value: object) -> SQLiteValue:
    """Return any field of a job or of a new one as its column has it."""
    if hasattr(value, "_fields"):  # a record: JobOptions
        text: str = _options().to_json(value)
        return text
    if isinstance(value, (tuple, dict)):
        return _encoded(value) if value else None
    return value


def listed(names: Sequence[str | int] | None) -> str | None:
    """Return a list of names or numbers as the statements take it; None stands for all."""
    return None if names is None else _encoded(list(names))
