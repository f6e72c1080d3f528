"""`queuectl hook`: commands that run when something happened."""

from __future__ import annotations

from queuectl_core.cli import enqueue, output, runtime, submit
from queuectl_core.cli.caller import caller
from queuectl_core.cli.output import clean
from queuectl_core.cli.text import exactly, when
from queuectl_core.errors import UsageError
from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.services import hooks, intake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.hook import Hook, NewHook
    from queuectl_core.services.intake import Fields


def add(session: Session, args: Args) -> int:
    """Add the hook of the command line, or those of stdin."""
    if args.flag("--stdin"):
        return _add_all(session, args)
    event = args.text("<event>")
    if event is None:
        raise UsageError("there is no event", hint="queuectl help hook add lists them")
    fields = {**_command(args), **_options(args), "event": event}
    hook = hooks.new_hook(fields, session.defaults(cwd=submit.directory()))
    _add(session, hook, enqueue.conflict(args))
    _warn(session)
    return 0


def _command(args: Args) -> Fields:
    """Return the fields of what the hook runs: a shell line, or a program with its arguments."""
    return enqueue.objects(args.among_those_of("enqueue"), args.words("<word>"))[0]


def _options(args: Args) -> dict[str, object]:
    given: dict[str, object] = {
        "name": args.text("--name"),
        "queue": args.text("--queue"),
        "schedule": args.text("--schedule"),
        "over": args.text("--over"),
        "every": args.text("--every"),
        "cwd": enqueue.absolute(args.text("--cwd")),
        "env": runtime.variables(args.words("--env")) or None,
        "timeout": args.text("--timeout"),
        "max_retries": runtime.number(args.text("--retries")),
        "priority": runtime.number(args.text("--priority")),
    }
    return {name: value for name, value in given.items() if value is not None}


def _add_all(session: Session, args: Args) -> int:
    """Add the hooks of `hook list --json`, none where one of them is wrong."""
    if args.text("<event>") is not None:
        raise UsageError("an event and --stdin do not go together", hint="queuectl help hook add")
    from queuectl_core.cli import bulk  # noqa: PLC0415 - threads; one hook is added without

    defaults, given = session.defaults(cwd=submit.directory()), _options(args)
    with bulk.reading("-") as file:
        lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line]
    found = [fields for line in lines for fields in intake.read_objects(line)]
    for hook in [hooks.new_hook(fields | given, defaults) for fields in found]:
        _add(session, hook, enqueue.conflict(args))
    return 0


def _add(session: Session, hook: NewHook, on_conflict: str) -> None:
    now_ms = session.clock.now_ms()
    added, new = hooks.add(session.store, hook, by=caller(), now_ms=now_ms, on_conflict=on_conflict)
    if session.out.as_json:
        _print_json(session, [added])
    elif session.out.quiet:
        session.out.line(added.name)
    elif new:
        session.out.line(f"Added hook {added.name} ({_about(added)})")
    else:
        session.out.line(f"Hook {added.name} exists already; nothing added")


def _about(hook: Hook) -> str:
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


def _print_json(session: Session, found: Sequence[Hook]) -> None:
    for record in hooks.records(session.looking, found):
        session.out.record(record)


def _warn(session: Session) -> None:
    """Say where runs wait that nobody takes."""
    waiting = hooks.unserved(session.looking)
    if waiting:
        runs = "1 run of a hook waits" if waiting == 1 else f"{waiting:,} runs of hooks wait"
        session.out.note(f"queuectl: {runs}, and no worker takes them")
        session.out.note(f"hint: queuectl worker start, or with --queue {HOOKS_QUEUE} besides")


def list_hooks(session: Session, _args: Args) -> int:
    """Print the hooks and how they do."""
    found = session.looking.hooks().all()
    if session.out.as_json:
        _print_json(session, found)
    elif found:
        _table(session, found)
    else:
        session.out.note("no hooks")
    _warn(session)
    return 0


def _table(session: Session, found: Sequence[Hook]) -> None:
    from queuectl_core.cli.table import Table  # noqa: PLC0415 - 3 ms; other verbs have no table

    heads = ("NAME", "ABOUT", "TOLD", "LAST", "WAITING", "DEAD", "COMMAND")
    Table(session.out, *heads, spare=("LAST",)).rows(
        [
            [
                hook.name,
                _about(hook),
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
        _print_json(session, found)
        return 0
    for place, (hook, record) in enumerate(
        zip(found, hooks.records(session.looking, found), strict=True)
    ):
        if place:
            session.out.line()
        for name, text in _lines(session, hook, record):
            session.out.line(f"{name + ':':<12}{clean(text)}")
    return 0


def _lines(session: Session, hook: Hook, record: Fields) -> list[tuple[str, str]]:
    run = hook.run
    lines = [
        ("hook", hook.name),
        ("about", _about(hook)),
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


def test(session: Session, args: Args) -> int:
    """Tell a hook of an event that did not happen: here and now, or by a worker."""
    hook = hooks.find(session.store, args.text("<hook>") or "")
    job = hooks.trial(session.store, hook, now_ms=session.clock.now_ms())
    if args.flag("--enqueue"):
        (added,) = session.store.enqueue([job], now_ms=session.clock.now_ms())
        submit.announce(session, added, session.clock.now_ms())
        _warn(session)
        return 0
    from queuectl_core.cli import run  # noqa: PLC0415 - with the parts of a worker; see run.py

    session.out.note(output.clean(f"queuectl: hook {hook.name} runs: {hooks.command_line(job)}"))
    return run.here(session, job._replace(max_retries=1))


COMMANDS: Mapping[str, Command] = {
    "hook add": add,
    "hook list": list_hooks,
    "hook show": show,
    "hook rm": remove,
    "hook pause": pause,
    "hook resume": resume,
    "hook test": test,
}
