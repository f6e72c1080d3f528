"""What people ask of hooks: add one, see which there are and how they do, try one.

A record of a hook is what `add` takes, too: hooks go from one queue to another as lines of JSON.
"""

from __future__ import annotations

from queuectl_core import job as checks
from queuectl_core.durations import parse_duration_ms
from queuectl_core.errors import BadData, JobExists, NotFound, WrongState
from queuectl_core.hook import EVENTS, OF_JOBS, PRIORITY, RETRIES, SLOW, Happening, NewHook, run_of
from queuectl_core.job import HOOKS_QUEUE, Job, is_encodable
from queuectl_core.lifecycle import CLAIMABLE, STATES, State
from queuectl_core.selection import Selection
from queuectl_core.services import intake
from queuectl_core.services.jobs import moment, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.hook import Hook
    from queuectl_core.job import NewJob
    from queuectl_core.services.intake import Defaults, Fields
    from queuectl_core.storage.store import Store

RUN_FIELDS = (
    "command", "argv", "cwd", "env", "timeout", "max_retries", "backoff", "priority",
)  # fmt: skip
"""Fields of a job that a hook has for its runs, too."""
FIELDS = ("name", "event", "queue", "schedule", "over", "every", "paused", *RUN_FIELDS)
SET_BY_QUEUE = ("created_at", "created_by", "told", "told_at", "waiting", "dead")
"""What only the queue sets: ignored on input."""
MAX_SPAN_MS = checks.MAX_TIMEOUT_MS


# --- add ---


def new_hook(fields: Fields, defaults: Defaults) -> NewHook:
    """Return the checked hook that `fields` ask for; BadData for the first one that is wrong."""
    for name in fields:
        if name not in FIELDS and name not in SET_BY_QUEUE:
            raise BadData(
                f"a hook has no field {checks.shown(name)}", hint="there are " + ", ".join(FIELDS)
            )
    given = {name: value for name, value in fields.items() if value is not None}
    event = _event(given.get("event"))
    over_ms = _span_ms("over", given.get("over"))
    if (over_ms is None) == (event == SLOW):
        raise BadData(
            f"over goes with the event {SLOW} and with no other" if over_ms else "over is missing",
            hint=f"queuectl hook add {SLOW} --over 10m -- CMD",
        )
    usual = {"max_retries": RETRIES, "priority": PRIORITY}
    run = {name: given[name] for name in RUN_FIELDS if name in given}
    return NewHook(
        event,
        intake.new_job(usual | run, defaults),
        None if "name" not in given else _named("name", given["name"]),
        None if "queue" not in given else _queue(given["queue"]),
        None if "schedule" not in given else _named("schedule", given["schedule"]),
        over_ms,
        _span_ms("every", given.get("every")),
        _flag(given.get("paused", False)),
    )


def _event(value: object) -> str:
    """Return an event that there is; BadData with the nearest one otherwise."""
    if isinstance(value, str) and value in EVENTS:
        return value
    from difflib import get_close_matches  # noqa: PLC0415 - 6 ms, for a typo only

    close = get_close_matches(value.lower(), EVENTS, n=1) if isinstance(value, str) else []
    raise BadData(
        f"event must be one of {', '.join(EVENTS)}, not {checks.shown(value)}",
        hint=f'did you mean "{close[0]}"?' if close else "queuectl help hook add",
    )


def _queue(value: object) -> str:
    if value == HOOKS_QUEUE:
        raise BadData("no hook hears of hooks, so that none can set off itself")
    return checks.check_queue(value)


def _named(what: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadData(f"{what} must be text, not {checks.shown(value)}")
    return checks.check_name(what, value)


def _span_ms(name: str, value: object) -> int | None:
    if value is None:
        return None
    text = f"{value}" if type(value) in {int, float} else value
    if not isinstance(text, str):
        raise BadData(f"{name} must be seconds or a text as 10m, not {checks.shown(value)}")
    try:
        span_ms = parse_duration_ms(text)
    except BadData as error:
        raise BadData(f"{name}: {error}", hint=error.hint) from error
    if not 0 < span_ms <= MAX_SPAN_MS:
        raise BadData(f"{name} must be more than 0 and a year at most, not {checks.shown(value)}")
    return span_ms


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise BadData(f"paused must be true or false, not {checks.shown(value)}")
    return value


def add(
    store: Store, hook: NewHook, *, by: str, now_ms: int, on_conflict: str = "error"
) -> tuple[Hook, bool]:
    """Add a hook; return it, and whether it is new.

    Where its name is taken: `error` raises JobExists, `skip` lets the old one be, `replace` puts
    the new one in its place.
    """
    if on_conflict == "replace":
        return store.hooks().replace(hook, by=by, now_ms=now_ms), True
    added = store.hooks().add(hook, by=by, now_ms=now_ms)
    if added is not None:
        return added, True
    name = hook.name or hook.event
    if on_conflict == "skip":
        return find(store, name), False
    raise JobExists(
        f"there is a hook {name} already",
        hint=f"choose another --name, or --on-conflict replace; queuectl hook show {name}",
    )


# --- look ---


def find(store: Store, name: str) -> Hook:
    """Return the hook of that name; NotFound where there is none."""
    found = store.hooks().named(name) if is_encodable(name) else None
    if found is None:
        raise NotFound(f'there is no hook "{name[:130]}"', hint="queuectl hook list")
    return found


def records(store: Store, hooks: Sequence[Hook]) -> list[dict[str, object]]:
    """Return what the world sees of hooks, and how many of their runs wait or are dead."""
    left = store.hooks().runs_left()
    return [_record(hook, left.get(hook.name, {})) for hook in hooks]


def _record(hook: Hook, left: Mapping[str, int]) -> dict[str, object]:
    run = hook.run
    return {
        "name": hook.name,
        "event": hook.event,
        "queue": hook.queue,
        "schedule": hook.schedule,
        "over": seconds(hook.over_ms),
        "every": seconds(hook.every_ms),
        "command": command_line(run),
        "argv": None if run.argv is None else list(run.argv),
        "cwd": run.cwd,
        "env": None if run.env is None else dict(run.env),
        "timeout": seconds(run.timeout_ms),
        "max_retries": run.max_retries,
        "backoff": run.backoff,
        "priority": run.priority,
        "paused": hook.paused_at_ms is not None,
        "created_at": moment(hook.created_at_ms),
        "created_by": hook.created_by,
        "told": hook.told,
        "told_at": moment(hook.told_at_ms),
        "waiting": sum(runs for state, runs in left.items() if state != State.DEAD),
        "dead": left.get(State.DEAD, 0),
    }


def command_line(run: NewJob) -> str:
    """Return the shell line, or the words quoted as a shell would read them."""
    if run.argv is None:
        return run.command or ""
    from shlex import join  # noqa: PLC0415 - re: 4 ms

    return join(run.argv)


def unserved(store: Store) -> int:
    """Return how many runs wait that no live worker takes; 0: all is well."""
    if any(
        row.alive and row.takes_jobs and (row.queues is None or HOOKS_QUEUE in row.queues)
        for row in store.workers()
    ):
        return 0
    return sum(
        count.jobs
        for count in store.counts()
        if count.queue == HOOKS_QUEUE and count.state in CLAIMABLE
    )


# --- change ---


def remove(store: Store, names: Sequence[str], *, now_ms: int) -> None:
    """Remove hooks, all or none; NotFound for the first that is not there."""
    for hook in [find(store, name) for name in dict.fromkeys(names)]:
        store.hooks().remove(hook.name, now_ms=now_ms)


def pause(store: Store, name: str, *, now_ms: int) -> bool:
    """Let a hook hear nothing; False where it is paused already."""
    return store.hooks().pause(find(store, name).name, now_ms=now_ms)


def resume(store: Store, name: str, *, now_ms: int) -> bool:
    """Let a hook hear again; False where it was not paused."""
    return store.hooks().resume(find(store, name).name, now_ms=now_ms)


# --- try ---


def trial(store: Store, hook: Hook, *, now_ms: int) -> NewJob:
    """Return the job that tells a hook of an event that did not happen, once and at once.

    It is about the newest job that the event could be about, or about one made up.
    """
    if hook.paused_at_ms is not None:
        raise WrongState(
            f"hook {hook.name} is paused", hint=f"queuectl hook resume {hook.name}, then again"
        )
    one = Happening(hook.event, hook.queue, hook.schedule, detail={"reason": "a test"})
    if hook.event in OF_JOBS:
        job = _example(store, hook, now_ms)
        one = one._replace(job=job, queue=job.queue)
    return run_of(hook, [one], now_ms=now_ms, test=True)


def _example(store: Store, hook: Hook, now_ms: int) -> Job:
    state = STATES.get(hook.event, State.PROCESSING)
    found = store.select(Selection(states=(state,), queue=hook.queue), limit=1).jobs
    if found:
        return found[0]
    usual: dict[str, object] = dict.fromkeys(Job._fields)
    usual |= {
        "number": 0,
        "id": "sample",
        "queue": hook.queue or checks.DEFAULT_QUEUE,
        "state": state,
        "priority": checks.DEFAULT_PRIORITY,
        "run_at_ms": now_ms,
        "attempts": 1,
        "starts": 1,
        "crashes": 0,
        "max_retries": 1,
        "command": "true",
        "on_crash": checks.ON_CRASH[0],
        "tags": (),
        "created_at_ms": now_ms,
        "started_at_ms": now_ms,
        "cancel_requested": False,
    }
    return Job(**usual)  # type: ignore[arg-type]
