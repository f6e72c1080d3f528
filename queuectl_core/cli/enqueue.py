"""`queuectl enqueue` by docopt: a command line with options, JSON with options, or a stream."""

from __future__ import annotations

import os

from queuectl_core.cli import output, runtime, submit
from queuectl_core.errors import UsageError
from queuectl_core.job import CONFLICTS
from queuectl_core.services import intake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.job import Enqueued
    from queuectl_core.services.intake import Fields

    Stay = Callable[[Sequence[Enqueued], int], int]


def run(session: Session, args: Args) -> int:
    """Add what the command line names."""
    _forbid(
        args.flag("--stdin") and "-" in {args.text("--input"), args.text("--env-file")},
        "stdin can't be both the jobs and their input",
    )
    given = options(args)
    words = args.words("<word>")
    on_conflict = conflict(args)
    if args.flag("--stdin") or args.text("--file") is not None:
        _forbid(bool(words), "a command and --stdin or --file do not go together")
        _forbid("id" in given, "one --id can't name many jobs")
        _forbid(
            args.flag("--wait") or args.flag("--follow"),
            "--wait and --follow take no stream of jobs",
        )
        from queuectl_core.cli import bulk  # noqa: PLC0415 - threads, for streams only

        return bulk.run(session, args, given, on_conflict)
    _forbid(args.flag("--atomic"), "--atomic goes with --stdin or --file")
    wanted = [{**fields, **given} for fields in objects(args, words)]
    dry_run = args.flag("--dry-run")
    return submit.submit(
        session, submit.Request(wanted, on_conflict, dry_run, _stay(session, args))
    )


def _stay(session: Session, args: Args) -> Stay | None:
    """Return what waits for the jobs where that was asked for."""
    follow = args.flag("--follow")
    if not (follow or args.flag("--wait")):
        return None
    from queuectl_core.cli import waiting  # noqa: PLC0415 - nobody else reads logs

    def stay(added: Sequence[Enqueued], now_ms: int) -> int:
        for one in added:
            if follow:  # stdout is the job's
                session.out.note(f"queuectl: job {one.name} is in the queue")
            elif not session.out.as_json:
                submit.announce(session, one, now_ms)
        output.flush()
        return waiting.until_ended(session, added, follow=follow)

    return stay


def objects(args: Args, words: Sequence[str]) -> Sequence[Fields]:
    """Return the objects that the words stand for: JSON, a shell line, a program with arguments."""
    if not words:
        raise UsageError(
            f"there is no command to {args.verb}",
            hint=f"queuectl {args.verb} -- CMD ARGS...",
        )
    if args.flag("--shell"):
        return [{"command": " ".join(words)}]
    if len(words) > 1:
        return [{"argv": list(words)}]
    if intake.is_json(words[0]) and not args.flag("--"):
        return intake.read_objects(words[0])
    return [{"command": words[0]}]


def options(args: Args) -> dict[str, object]:
    """Return the fields that options give; the checks of a job judge their values."""
    given: dict[str, object] = {
        "id": args.text("--id"),
        "queue": args.text("--queue"),
        "priority": runtime.number(args.text("--priority")),
        "max_retries": runtime.number(args.text("--retries")),
        "run_at": _time(args),
        "timeout": args.text("--timeout"),
        "backoff": args.text("--backoff"),
        "on_crash": args.text("--on-crash"),
        "after": args.words("--after") or None,
        "unique": args.text("--unique"),
        "mutex": args.text("--mutex"),
        "expires_at": args.text("--expires"),
        "hold": args.flag("--hold") or None,
        "cwd": absolute(args.text("--cwd")),
        "tags": args.words("--tag") or None,
    }
    kept = {name: value for name, value in given.items() if value is not None}
    return kept | runtime.fields(args)


def _time(args: Args) -> str | None:
    at, span = args.text("--at"), args.text("--in")
    _forbid(at is not None and span is not None, "--at and --in do not go together")
    args.span_ms("--in")  # an error speaks of --in
    return at if span is None else f"+{span.strip()}"


def absolute(path: str | None) -> str | None:
    """Return a path of the command line, seen from the caller's directory."""
    return None if path is None else os.path.abspath(os.path.expanduser(path))


def conflict(args: Args) -> str:
    """Return what to do where the id exists."""
    return args.choice("--on-conflict", CONFLICTS, "error")


def _forbid(wrong: bool, message: str) -> None:  # noqa: FBT001 - the condition is the point
    if wrong:
        raise UsageError(message, hint="queuectl help enqueue")


COMMANDS: Mapping[str, Command] = {"enqueue": run}
