"""`queuectl hook`: the hooks that there are, and how they do. Adding them: hook_add.py."""

from __future__ import annotations

from queuectl_core.cli.output import clean
from queuectl_core.cli.text import exactly, when
from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.services import hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.hook import Hook


def list_hooks(session: Session, _args: Args) -> int:
    """Print the hooks and how they do."""
    found = session.looking.hooks().all()
    if session.out.as_json:
        print_json(session, found)
    elif found:
        _table(session, found)
    else:
        session.out.note("no hooks")
    warn(session)
    return 0


def _table(session: Session, found: Sequence[Hook]) -> None:
    from queuectl_core.cli.table import Table  # noqa: PLC0415 - 3 ms; other verbs have no table

    heads = ("NAME", "ABOUT", "TOLD", "LAST", "WAITING", "DEAD", "COMMAND")
    Table(session.out, *heads, spare=("LAST",)).rows(
        [
            [
                hook.name,
                about(hook),
                str(hook.told),
                when(session, hook.told_at_ms),
                str(record["waiting"]),
                str(record["dead"]),
                str(record["command"]),
            ]
            for hook, record in zip(found, hooks.records(session.looking, found), strict=True)
        ]
    )


def show(session: Session, args: Args) -> int:
    """Print all about hooks."""
    found = [hooks.find(session.looking, name) for name in args.words("<hook>")]
    if session.out.as_json:
        print_json(session, found)
        return 0
    for place, (hook, record) in enumerate(
        zip(found, hooks.records(session.looking, found), strict=True)
    ):
        if place:
            session.out.line()
        for name, text in _lines(session, hook, record):
            session.out.line(f"{name + ':':<12}{clean(text)}")
    return 0


def _lines(session: Session, hook: Hook, record: Mapping[str, object]) -> list[tuple[str, str]]:
    run = hook.run
    lines = [
        ("hook", hook.name),
        ("about", about(hook)),
        ("command", hooks.command_line(run)),
        ("cwd", run.cwd or ""),
        ("env", " ".join(f"{name}={text}" for name, text in (run.env or {}).items())),
        ("attempts", f"{run.max_retries} at most"),
        ("timeout", "" if run.timeout_ms is None else _span(run.timeout_ms)),
        ("priority", str(run.priority)),
        ("added", f"{exactly(session, hook.created_at_ms)}, by {hook.created_by}"),
        ("told", f"{hook.told:,} events"),
        ("last", "" if hook.told_at_ms is None else exactly(session, hook.told_at_ms)),
        ("runs left", f"{record['waiting']} wait or run, {record['dead']} are dead"),
        ("runs", f"queuectl list --queue {HOOKS_QUEUE} --tag {hook.name}"),
    ]
    return [(name, text) for name, text in lines if text]


def remove(session: Session, args: Args) -> int:
    """Remove hooks, all or none."""
    names = args.words("<hook>")
    hooks.remove(session.store, names, now_ms=session.clock.now_ms())
    return _tell(session, [f"Removed hook {name}" for name in names])


def pause(session: Session, args: Args) -> int:
    """Let hooks hear nothing."""
    now_ms = session.clock.now_ms()
    return _tell(
        session,
        [
            f"Paused hook {name}"
            if hooks.pause(session.store, name, now_ms=now_ms)
            else f"Hook {name} is paused already"
            for name in args.words("<hook>")
        ],
    )


def resume(session: Session, args: Args) -> int:
    """Let hooks hear again."""
    now_ms = session.clock.now_ms()
    return _tell(
        session,
        [
            f"Resumed hook {name}"
            if hooks.resume(session.store, name, now_ms=now_ms)
            else f"Hook {name} was not paused"
            for name in args.words("<hook>")
        ],
    )


def _tell(session: Session, lines: Sequence[str]) -> int:
    for line in lines:
        if session.out.as_json:
            session.out.record({"done": line})
        elif not session.out.quiet:
            session.out.line(line)
    return 0


def about(hook: Hook) -> str:
    """Return what a hook listens to: "slow over 10m, queue mail"."""
    over = f" over {_span(hook.over_ms)}" if hook.over_ms is not None else ""
    queue = f", queue {hook.queue}" if hook.queue else ""
    schedule = f", schedule {hook.schedule}" if hook.schedule else ""
    every = f", once in {_span(hook.every_ms)}" if hook.every_ms is not None else ""
    paused = ", paused" if hook.paused_at_ms is not None else ""
    return f"{hook.event}{over}{queue}{schedule}{every}{paused}"


def _span(span_ms: int) -> str:
    from queuectl_core.durations import duration_text  # noqa: PLC0415 - few hooks have one

    return duration_text(span_ms)


def print_json(session: Session, found: Sequence[Hook]) -> None:
    """Write the records of hooks."""
    for record in hooks.records(session.looking, found):
        session.out.record(record)


def warn(session: Session) -> None:
    """Say where runs wait that nobody takes."""
    waiting = hooks.unserved(session.looking)
    if waiting:
        runs = "1 run of a hook waits" if waiting == 1 else f"{waiting:,} runs of hooks wait"
        session.out.note(f"queuectl: {runs}, and no worker takes them")
        session.out.note(f"hint: queuectl worker start, or with --queue {HOOKS_QUEUE} besides")


COMMANDS: Mapping[str, Command] = {
    "hook list": list_hooks,
    "hook show": show,
    "hook rm": remove,
    "hook pause": pause,
    "hook resume": resume,
}
