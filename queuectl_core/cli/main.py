"""Where every command begins and ends: find the verb, run it, turn errors into exit codes.

Verbs are imported when called, each by name: a frozen executable sees no other import. Kept small:
`enqueue '{...}'` pays for every line.
"""

from __future__ import annotations

import gc
import os
import sys

from queuectl_core.cli import output
from queuectl_core.cli.session import Session
from queuectl_core.clock import SystemClock
from queuectl_core.errors import QueuectlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command
    from queuectl_core.clock import Clock

INTERRUPTED = 130
VERSION = ("--version", "-V")
BUG_HINT = "this is a bug of ours; run it again with QUEUECTL_DEBUG=1 and report what it prints"


def console() -> int:
    """Run the command line of this process: the entry point that pip installs."""
    return main(sys.argv[1:])


def main(argv: Sequence[str], clock: Clock | None = None) -> int:
    """Run one command and return its exit code; no error leaves this function."""
    output.plug_closed()
    try:
        code = _run(argv, clock or SystemClock())
        output.flush()
    except QueuectlError as error:
        return _failed(error)
    except BrokenPipeError:
        # `| head` has seen enough: nothing is wrong
        output.abandon()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last door: no traceback reaches a user
        return _failed(QueuectlError(f"unexpected {type(error).__name__}: {error}", hint=BUG_HINT))
    return code


def _failed(error: QueuectlError) -> int:
    """Tell of the error, the output so far before it, and return its exit code."""
    try:
        output.flush()
    except (OSError, QueuectlError):
        output.abandon()
    if os.environ.get("QUEUECTL_DEBUG") == "1":
        from traceback import format_exc

        output.write_message(format_exc().rstrip())
    output.failure(error)
    return error.exit_code


def _run(argv: Sequence[str], clock: Clock) -> int:
    """Take the short way for one JSON object, the long one for all else."""
    match argv:
        case ["enqueue", word] if word.startswith("{"):
            from queuectl_core.cli import submit

            session = Session(clock, output.Output())
            try:
                return submit.one_json(session, word)
            finally:
                session.close()
    return _dispatch(argv, clock)


def _dispatch(argv: Sequence[str], clock: Clock) -> int:
    """Find the verb, print its help or run it."""
    gc.enable()  # queuectl.py turned it off
    from queuectl_core.cli import about, parse

    if argv and argv[0] in VERSION:
        argv = ["version", *argv[1:]]
    before, rest = parse.parse_top(argv)
    if any(word in parse.HELP for word in before):
        output.write(about.help_text(""))
        return 0
    verb, words = _verb(rest)
    words = parse.arrange(verb, [*before, *words])
    if parse.wants_help(verb, words):
        output.write(about.help_text(verb))
        return 0
    args = parse.parse(verb, words)
    session = _session(args, clock)
    try:
        return _commands(verb)[verb](session, args)
    finally:
        session.close()


def _verb(words: Sequence[str]) -> tuple[str, list[str]]:
    """Split off the verb, of one word or two; UsageError with the nearest one where it is none."""
    from queuectl_core.cli import about, usage
    from queuectl_core.cli.parse import HELP
    from queuectl_core.errors import UsageError

    for length in (2, 1):
        verb = " ".join(words[:length])
        if verb in usage.VERBS:
            return verb, list(words[length:])
    if not words:
        raise UsageError(
            "no verb is given",
            hint="queuectl help lists them; to begin: queuectl enqueue 'echo hello'",
        )
    first = words[0]
    if first in usage.GROUPS and (len(words) == 1 or words[1] in HELP):
        return "help", [first]
    wrong = " ".join(words[:2]) if first in usage.GROUPS else first
    raise UsageError(
        f'there is no verb "{output.clean(wrong[:60])}"',
        hint=about.nearest(wrong, "queuectl help lists them"),
    )


def _session(args: Args, clock: Clock) -> Session:
    out = output.Output(
        as_json=args.flag("--json"), quiet=args.flag("--quiet"), colour=not args.flag("--no-color")
    )
    return Session(clock, out, home=args.text("--home"), db=args.text("--db"))


def _commands(verb: str) -> Mapping[str, Command]:
    """Import the module that has the verb."""
    match verb.partition(" ")[0]:
        case "enqueue":
            from queuectl_core.cli.enqueue import COMMANDS
        case "run":
            from queuectl_core.cli.run import COMMANDS
        case "logs":
            from queuectl_core.cli.logs import COMMANDS
        case "status" | "metrics":
            from queuectl_core.cli.stats import COMMANDS
        case "list" | "show" | "wait" | "cancel" | "retry" | "dlq":
            from queuectl_core.cli.jobs import COMMANDS
        case _:
            return _house_commands(verb)
    return COMMANDS


def _house_commands(verb: str) -> Mapping[str, Command]:
    """Import the module of a verb that is not about jobs."""
    match verb.partition(" ")[0]:
        case "worker":
            from queuectl_core.cli.worker import COMMANDS
        case "config":
            from queuectl_core.cli.config import COMMANDS
        case "service":
            from queuectl_core.cli.service import COMMANDS
        case "backup" | "restore" | "doctor":
            from queuectl_core.cli.upkeep import COMMANDS
        case _:
            from queuectl_core.cli.about import COMMANDS
    return COMMANDS
