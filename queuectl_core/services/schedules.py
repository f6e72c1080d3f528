"""What people ask of schedules: add, look, stop, run; makes the one record of a schedule."""

from __future__ import annotations

import os

from queuectl_core import cron, machine, zones
from queuectl_core import job as checks
from queuectl_core import schedule as rules
from queuectl_core.durations import duration_text, format_moment, parse_duration_ms, parse_moment_ms
from queuectl_core.errors import BadData, JobExists, NotFound
from queuectl_core.job import shown
from queuectl_core.records import Record
from queuectl_core.schedule import CATCH_UPS, OVERLAPS, Definition, NewSchedule
from queuectl_core.services import intake, jobs
from queuectl_core.services.jobs import moment, seconds
from queuectl_core.services.queues import check_reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.job import Enqueued, Job, NewJob
    from queuectl_core.schedule import Due, Schedule
    from queuectl_core.services.intake import Defaults
    from queuectl_core.storage.store import Store

    Fields = Mapping[str, object]

INPUT_FIELDS = (
    "name", "when", "tz", "overlap", "catch_up", "spread", "jitter", "start_at", "end_at",
    "expect", "anchor_at", "job",
)  # fmt: skip
QUEUE_FIELDS = (
    "state", "queue", "next_at", "note", "due_at", "last_at", "ok_at", "late", "late_at", "missed",
    "created_at", "paused_at", "paused_by", "pause_reason", "history", "findings",
)  # fmt: skip
"""What only the queue sets: ignored on input, so that an export can be imported."""
NOT_FOR_JOBS = ("id", "run_at", "after", "hold")
"""What the jobs of a schedule can't have: they come again, each at its time."""
MAX_SPREAD_MS = 86_400_000
SHOWN = 20
"""Results that a schedule is shown with."""


# --- from words to a definition ---


def definition(fields: Fields, defaults: Defaults) -> Definition:
    """Return the checked schedule that `fields` ask for; None as a value counts as not given.

    Raises BadData for a wrong value, an unknown name, and for what never comes due.
    """
    unknown = [name for name in fields if name not in INPUT_FIELDS + QUEUE_FIELDS]
    if unknown:
        raise BadData(
            f"a schedule has no field {shown(unknown[0])}",
            hint="the fields are " + ", ".join(INPUT_FIELDS),
        )
    get = fields.get
    start_at_ms = _moment_ms("start", get("start_at"), defaults)
    anchor_ms = _moment_ms("anchor_at", get("anchor_at"), defaults)
    if anchor_ms is None:
        anchor_ms = defaults.now_ms if start_at_ms is None else start_at_ms
    catch_up, catch_up_ms = _catch_up(get("catch_up"))
    job = _job(get("job"), defaults)
    made = Definition(
        name=checks.check_name("name", _text("name", get("name"))),
        when=_text("when", get("when")),
        zone=_zone(get("tz")),
        anchor_ms=anchor_ms,
        overlap=_choice("overlap", get("overlap"), OVERLAPS),
        catch_up=catch_up,
        catch_up_ms=catch_up_ms,
        spread_ms=_span_ms("spread", get("spread"), MAX_SPREAD_MS) or 0,
        jitter_ms=_span_ms("jitter", get("jitter"), MAX_SPREAD_MS) or 0,
        start_at_ms=start_at_ms,
        end_at_ms=_moment_ms("end", get("end_at"), defaults),
        expect_ms=_span_ms("expect", get("expect")),
        job=job.job,
        max_retries=job.max_retries,
        expires_ms=job.expires_ms,
    )
    return _judged(made, defaults.now_ms)


def _judged(made: Definition, now_ms: int) -> Definition:
    """Return the definition with its expression as it is shown; BadData where it never fires."""
    if made.expect_ms == 0:
        raise BadData("expect must be longer than nothing", hint="as in --expect 26h")
    if made.next_after(now_ms) is None:
        ends = made.end_at_ms is not None and made.rule.after(now_ms) is not None
        why = f"before its end, {format_moment(made.end_at_ms or 0)}" if ends else "in 50 years"
        raise BadData(
            f"{made.when!r} never comes due {why}", hint="queuectl schedule next --when shows when"
        )
    return made._replace(when=cron.written(made.when))


class Template(Record):
    """What each time makes; see Definition."""

    job: NewJob
    max_retries: int | None
    expires_ms: int | None


def _job(value: object, defaults: Defaults) -> Template:
    if not isinstance(value, dict):
        raise BadData(
            f"job must be an object as enqueue takes it, not {shown(value)}",
            hint="""as in "job": {"command": "echo hello"}""",
        )
    given = {name: item for name, item in value.items() if item is not None}
    for name in NOT_FOR_JOBS:
        if name in given:
            raise BadData(
                f"the jobs of a schedule can't have {name}",
                hint="they get a number each; queuectl list --schedule NAME finds them",
            )
    expires = given.pop("expires_at", None)
    job = intake.new_job(given, defaults)
    retries = job.max_retries if "max_retries" in given else None
    if job.flow is not None:
        job = job._replace(flow=job.flow._replace(after=(), hold=False))
    return Template(job, retries, _expires_ms(expires))


def _expires_ms(value: object) -> int | None:
    if value is None:
        return None
    try:
        span_ms = parse_duration_ms(str(value).removeprefix("+"))
    except BadData as error:
        raise BadData(
            f"expires_at of a schedule's jobs must be a span, not {shown(value)}",
            hint="as in 30m: after each came due",
        ) from error
    if not span_ms:
        raise BadData("expires_at must be longer than nothing", hint="as in 30m")
    return span_ms


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not checks.is_encodable(value) or "\0" in value:
        raise BadData(f"{name} must be text, not {shown(value)}", hint="queuectl help schedules")
    return value


def _zone(value: object) -> str:
    if value is None:
        return zones.local_name()
    name = _text("tz", value)
    zones.zone(name)
    return name


def _choice(name: str, value: object, choices: Sequence[str]) -> str:
    if value is None:
        return choices[0]
    if value in choices:
        return str(value)
    raise BadData(
        f"{name} must be one of {', '.join(choices)}, not {shown(value)}",
        hint="queuectl help schedule add",
    )


def _catch_up(value: object) -> tuple[str, int | None]:
    """Return the word, and the span of `all:6h`."""
    if not isinstance(value, str) or not value.startswith("all:"):
        return _choice("catch_up", value, CATCH_UPS), None
    try:
        return "all", parse_duration_ms(value.removeprefix("all:"))
    except BadData as error:
        raise BadData(f"catch_up: {error}", hint="as in all:6h") from error


def _span_ms(name: str, value: object, most_ms: int | None = None) -> int | None:
    """Return a span, of text or of seconds."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise BadData(f"{name} must be a span as 10m, not {shown(value)}")
    try:
        span_ms = parse_duration_ms(str(value))
    except BadData as error:
        raise BadData(f"{name}: {error}", hint=error.hint) from error
    if most_ms is not None and span_ms > most_ms:
        raise BadData(f"{name} must be a day at most, not {shown(value)}")
    return span_ms


def _moment_ms(name: str, value: object, defaults: Defaults) -> int | None:
    if value is None:
        return None
    try:
        return parse_moment_ms(_text(name, value), now_ms=defaults.now_ms, naive=defaults.naive)
    except BadData as error:
        raise BadData(f"{name}: {error}", hint=error.hint) from error


# --- to do something ---


def put(store: Store, made: Definition, *, now_ms: int, replace: bool = False) -> Schedule:
    """Add a schedule; JobExists where the name is taken, unless it is to be replaced."""
    old = store.schedules().named(made.name)
    kept_ms = None if old is None or not _comes_alike(old.definition, made) else old.next_at_ms
    new = NewSchedule(made, upcoming(made, now_ms if kept_ms is None else kept_ms - 1))
    if store.schedules().put([new], now_ms=now_ms, replace=replace) != [True]:
        raise JobExists(
            f'there is a schedule "{made.name}" already',
            hint=f"queuectl schedule edit {made.name} changes it; --replace puts this in its place",
        )
    return named(store, made.name)


def _comes_alike(old: Definition, made: Definition) -> bool:
    """Tell whether the times stay the same: then none that is due already is forgotten."""
    names = ("when", "zone", "anchor_ms", "start_at_ms", "end_at_ms")
    return all(getattr(old, name) == getattr(made, name) for name in names)


def remove(store: Store, name: str) -> None:
    """Forget a schedule; NotFound where there is none. Its jobs stay."""
    named(store, name)
    store.schedules().remove(name)


def pause(store: Store, name: str, *, by: str, reason: str | None, now_ms: int) -> bool:
    """Let a schedule make no jobs; tell whether that is new."""
    check_reason(reason)
    named(store, name)
    return store.schedules().pause(name, by=by, reason=reason or None, now_ms=now_ms)


def resume(store: Store, name: str, *, now_ms: int) -> bool:
    """Let it make jobs from its next time on; tell whether it was paused."""
    found = named(store, name)
    due = upcoming(found.definition, now_ms)
    return store.schedules().resume(name, due, now_ms=now_ms)


def run(store: Store, name: str, *, max_retries: int, now_ms: int) -> Enqueued:
    """Make a job of a schedule now; NotFound where there is no such schedule."""
    named(store, name)
    added = store.schedules().run(name, max_retries=max_retries, now_ms=now_ms)
    if added is None:
        raise _missing(store, name)
    return added


def upcoming(made: Definition, now_ms: int) -> Due:
    """Return when a schedule comes due after a moment, on this machine."""
    return rules.upcoming(made, now_ms, host=machine.host(), chance=_chance)


def _chance() -> float:
    """Return a number from 0 to 1; the module random is ten modules more, for one number."""
    return int.from_bytes(os.urandom(4)) / 2**32


# --- to look ---


def named(store: Store, name: str) -> Schedule:
    """Return the schedule of that name; NotFound with the nearest one otherwise."""
    found = store.schedules().named(name) if checks.ID_LETTERS.issuperset(name) else None
    if found is None:
        raise _missing(store, name)
    return found


def chosen(store: Store, names: Sequence[str]) -> Sequence[Schedule]:
    """Return the schedules of these names, each once; all where none is given."""
    if not names:
        return store.schedules().all()
    return [named(store, name) for name in dict.fromkeys(names)]


def _missing(store: Store, name: str) -> NotFound:
    from difflib import get_close_matches  # noqa: PLC0415 - 6 ms, for a typo only

    close = get_close_matches(name, [one.name for one in store.schedules().all()], n=1)
    hint = f"did you mean {close[0]}?" if close else "queuectl schedule list shows them"
    return NotFound(f'there is no schedule "{name[:130]}"', hint=hint)


def late(store: Store, *, now_ms: int) -> list[Schedule]:
    """Return the schedules that lack a success."""
    return [one for one in store.schedules().all() if one.is_late(now_ms)]


def state(one: Schedule, now_ms: int) -> str:
    """Return how a schedule stands: paused, late, over or active."""
    if one.paused_at_ms is not None:
        return "paused"
    if one.is_late(now_ms):
        return "late"
    return "over" if one.next_at_ms is None else "active"


def record(one: Schedule, now_ms: int) -> dict[str, object]:
    """Return what the world sees of a schedule, and what `schedule import` takes back.

    Times of the schedule are in its own zone; spans are seconds.
    """
    return {
        "name": one.name,
        **_timing(one),
        "queue": one.definition.job.queue,
        "state": state(one, now_ms),
        "next_at": None if one.paused_at_ms else in_zone(one, one.next_at_ms),
        "due_at": moment(one.due_at_ms),
        "last_at": in_zone(one, one.last_at_ms),
        "ok_at": moment(one.ok_at_ms),
        "late": one.is_late(now_ms),
        "late_at": moment(one.late_at_ms),
        "missed": one.missed,
        "created_at": moment(one.created_at_ms),
        "paused_at": moment(one.paused_at_ms),
        "paused_by": one.paused_by,
        "pause_reason": one.pause_reason,
        "job": job_fields(one.definition),
    }


def _timing(one: Schedule) -> dict[str, object]:
    made = one.definition
    every = made.when.startswith("every ")
    window = "" if made.catch_up_ms is None else f":{duration_text(made.catch_up_ms)}"
    return {
        "when": made.when,
        "tz": made.zone,
        "overlap": made.overlap,
        "catch_up": made.catch_up + window,
        "spread": seconds(made.spread_ms),
        "jitter": seconds(made.jitter_ms),
        "start_at": moment(made.start_at_ms),
        "end_at": moment(made.end_at_ms),
        "expect": seconds(made.expect_ms),
        "anchor_at": moment(made.anchor_ms) if every else None,
    }


def job_fields(made: Definition) -> dict[str, object]:
    """Return what each time makes, as `enqueue` takes it."""
    fields = jobs.draft_record(made.job)
    fields["max_retries"] = made.max_retries
    if made.expires_ms is not None:
        fields["expires_at"] = duration_text(made.expires_ms)
    return {name: value for name, value in fields.items() if value is not None}


def in_zone(one: Schedule, at_ms: int | None) -> str | None:
    """Return a moment as the clocks of the schedule's zone show it, with their offset."""
    if at_ms is None:
        return None
    try:
        return format_moment(at_ms, zones.zone(one.definition.zone))
    except BadData:  # this machine does not have the zone
        return format_moment(at_ms)


def command_line(made: Definition) -> str:
    """Return the shell line of its jobs, or their words quoted as a shell would read them."""
    if made.job.argv is None:
        return made.job.command or ""
    from shlex import join  # noqa: PLC0415 - for a listing only

    return join(made.job.argv)


def results(store: Store, name: str, *, limit: int = SHOWN) -> Sequence[Job]:
    """Return the last jobs of a schedule, the newest first."""
    return store.schedules().last_jobs(name, limit=limit)


def result_record(job: Job) -> dict[str, object]:
    """Return what a schedule's history tells of a job."""
    return {
        "id": job.name,
        "number": job.number,
        "state": job.state,
        "scheduled_at": moment(job.scheduled_at_ms),
        "finished_at": moment(job.finished_at_ms),
        "duration": seconds(job.duration_ms),
    }
