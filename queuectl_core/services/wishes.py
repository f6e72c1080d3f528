"""What a new job is to wait for, as people write it, made into a checked Flow.

Apart from intake.py, since most jobs wait for nothing but their time.
"""

from __future__ import annotations

from queuectl_core import job as checks
from queuectl_core.durations import duration_text, parse_duration_ms, parse_moment_ms
from queuectl_core.errors import BadData
from queuectl_core.flow import (
    ENDS,
    FINISHED,
    MAX_AFTER,
    MAX_SLOTS,
    STARTED,
    After,
    Flow,
    Mutex,
    Unique,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.durations import Naive

    Fields = Mapping[str, object]

MAX_SLOT_DIGITS = 4


def flow(
    fields: Fields, run_at_ms: int | None, *, now_ms: int, naive: Naive = "local"
) -> Flow | None:
    """Return what the fields of a job wish; None where that is nothing. BadData when wrong.

    A span of `expires_at` counts from the moment at which the job is due.
    """
    due_ms = now_ms if run_at_ms is None else max(run_at_ms, now_ms)
    get = fields.get
    after, unique, mutex = get("after"), get("unique"), get("mutex")
    expires_at = get("expires_at")
    wished = Flow(
        () if after is None else _after(after),
        None if unique is None else _unique(unique),
        None if mutex is None else _mutex(mutex),
        None if expires_at is None else _expires_at_ms(expires_at, due_ms, now_ms, naive),
        _hold(get("hold")),
    )
    return None if wished == Flow() else wished


# --- after ---


def _after(value: object) -> tuple[After, ...]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise BadData(
            f"after must be a list of jobs as text, not {checks.shown(value)}",
            hint='as in "after": ["17", "import:any"]',
        )
    if len(words) > MAX_AFTER:
        raise BadData(
            f"after names {len(words):,} jobs; the limit is {MAX_AFTER:,}",
            hint="put a job in between that waits for a part of them",
        )
    return tuple(dict.fromkeys(_one_after(word) for word in words))


def _one_after(word: str) -> After:
    name, colon, condition = word.rpartition(":")
    if not colon or not name or condition not in ENDS:
        name, condition = word, "ok"
    checks.check_name("after", name.removeprefix("#"))
    return After(name, condition)


# --- unique and mutex ---


def _unique(value: object) -> Unique:
    key, scope = _keyed("unique", value)
    if scope in {None, STARTED, FINISHED}:
        return Unique(key, scope or FINISHED)
    try:
        period_ms = parse_duration_ms(scope or "")
    except BadData as error:
        raise BadData(
            f"unique {checks.shown(value)}: {checks.shown(scope)} is no scope",
            hint=f"write {key}={STARTED}, {key}={FINISHED} (the default) or a span: {key}=1h",
        ) from error
    return Unique(key, duration_text(period_ms), period_ms)


def _mutex(value: object) -> Mutex:
    key, text = _keyed("mutex", value)
    if text is None:
        return Mutex(key)
    countable = text.isascii() and text.isdigit() and len(text) <= MAX_SLOT_DIGITS
    slots = int(text) if countable else 0
    if not 1 <= slots <= MAX_SLOTS:
        raise BadData(
            f"mutex {checks.shown(value)}: the number must be from 1 to {MAX_SLOTS}",
            hint=f"write {key}=3 for at most three jobs at once; {key} alone means one",
        )
    return Mutex(key, slots)


def _keyed(what: str, value: object) -> tuple[str, str | None]:
    """Split `KEY=VALUE`; None where there is no value."""
    if not isinstance(value, str):
        raise BadData(f"{what} must be text, not {checks.shown(value)}")
    key, equals, rest = value.partition("=")
    return checks.check_name(what, key), rest if equals else None


# --- expires_at and hold ---


def _expires_at_ms(value: object, due_ms: int, now_ms: int, naive: Naive) -> int:
    if not isinstance(value, str):
        raise BadData(
            f"expires_at must be a time or a span as text, not {checks.shown(value)}",
            hint='as in "expires_at": "30m"',
        )
    try:
        at_ms = due_ms + parse_duration_ms(value.removeprefix("+"))
    except BadData:
        at_ms = _moment_ms(value, now_ms, naive)  # it is no span
    if at_ms <= due_ms:
        raise BadData(
            f"expires_at {checks.shown(value)} is not after the moment at which the job is due",
            hint="such a job would never run; give a later time, or a span: 30m",
        )
    return at_ms


def _moment_ms(text: str, now_ms: int, naive: Naive) -> int:
    try:
        return parse_moment_ms(text, now_ms=now_ms, naive=naive)
    except BadData as error:
        raise BadData(f"expires_at: {error}", hint=error.hint) from error


def _hold(value: object) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise BadData(f"hold must be true or false, not {checks.shown(value)}")
