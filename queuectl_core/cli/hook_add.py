"""`queuectl hook add` and `hook test`: make a hook, and try it."""

from __future__ import annotations

from queuectl_core.cli import enqueue, output, runtime, submit
from queuectl_core.cli.caller import caller
from queuectl_core.cli.hooks import about, print_json, warn
from queuectl_core.errors import UsageError
from queuectl_core.services import hooks, intake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.hook import NewHook
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
    warn(session)
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
        print_json(session, [added])
    elif session.out.quiet:
        session.out.line(added.name)
    elif new:
        session.out.line(f"Added hook {added.name} ({about(added)})")
    else:
        session.out.line(f"Hook {added.name} exists already; nothing added")


def test(session: Session, args: Args) -> int:
    """Tell a hook of an event that did not happen: here and now, or by a worker."""
    hook = hooks.find(session.store, args.text("<hook>") or "")
    job = hooks.trial(session.store, hook, now_ms=session.clock.now_ms())
    if args.flag("--enqueue"):
        (added,) = session.store.enqueue([job], now_ms=session.clock.now_ms())
        submit.announce(session, added, session.clock.now_ms())
        warn(session)
        return 0
    from queuectl_core.cli import run  # noqa: PLC0415 - with the parts of a worker; see run.py

    session.out.note(output.clean(f"queuectl: hook {hook.name} runs: {hooks.command_line(job)}"))
    return run.here(session, job._replace(max_retries=1))


COMMANDS: Mapping[str, Command] = {"hook add": add, "hook test": test}
