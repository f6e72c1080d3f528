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
from queuectl_core.errors import BadData, Exhausted, QueuectlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command
    from queuectl_core.clock import Clock

INTERRUPTED = 130
VERSION = ("--version", "-V")
HIDDEN_VERB = "__complete"
"""What the scripts of `queuectl completion` call at each TAB."""


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
        return _failed(error, argv)
    except BrokenPipeError:
        # `| head` has seen enough: nothing is wrong
        output.abandon()
        return 0
    except KeyboardInterrupt:
        _flush_what_can_be()
        return INTERRUPTED
    except MemoryError:
        return _failed(Exhausted("there is too little memory"), argv)
    except Exception as error:  # noqa: BLE001 - the last door: no traceback reaches a user
        return _failed(QueuectlError(f"unexpected {type(error).__name__}: {error}"), argv)
    return code


def _flush_what_can_be() -> None:
    """Hand over the output so far; the process ends without a flush of its own."""
    try:
        output.flush()
    except (OSError, QueuectlError):
        output.abandon()


def _failed(error: QueuectlError, argv: Sequence[str]) -> int:
    """Tell of the error, the output so far before it, and return its exit code."""
    _flush_what_can_be()
    if os.environ.get("QUEUECTL_DEBUG") == "1":
        from traceback import format_exc

        output.write_message(format_exc().rstrip())
    if "--json" in argv:
        from queuectl_core.cli import parse

        output.failure(error, as_json=parse.asks_for_json(argv))
    else:
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
    from queuectl_core.cli import parse

    if argv and argv[0] in VERSION:
        argv = ["version", *argv[1:]]
    if argv and argv[0] == HIDDEN_VERB:
        from queuectl_core.cli import completion

        return completion.complete(argv[1:], clock)
    before, rest = parse.parse_top(argv)
    if any(word in parse.HELP for word in before):
        return _help("")
    verb, words = _verb(rest)
    words = parse.without_repeats(verb, parse.arrange(verb, [*before, *words]))
    if parse.wants_help(verb, words):
        return _help(verb)
    args = parse.parse(verb, words)
    return _call(verb, _session(args, clock), args)


def _call(verb: str, session: Session, args: Args) -> int:
    """Run the verb; say besides where it found no queue, since the home may be mistyped."""
    try:
        code = _answer(verb, session, args)
    except QueuectlError as error:
        if session.missing:
            error.hint = f"no queue yet at {session.missing}; {error.hint}".rstrip("; ")
        raise
    else:
        if session.missing:
            session.out.note(f"queuectl: no queue yet at {output.clean(session.missing)}")
        return code
    finally:
        session.close()


def _answer(verb: str, session: Session, args: Args) -> int:
    """Run the verb; what is wrong with a field is told by the option that it came from."""
    try:
        return _commands(verb)[verb](session, args)
    except BadData as error:
        from queuectl_core.cli import wording

        raise wording.as_typed(error, args) from error


def _help(verb: str) -> int:
    """Print what -h and --help ask for."""
    from queuectl_core.cli import about

    output.write(about.help_text(verb))
    return 0


def _verb(words: Sequence[str]) -> tuple[str, list[str]]:
    """Split off the verb, up to three words; UsageError with the nearest one where it is none."""
    from queuectl_core.cli import hints, usage
    from queuectl_core.cli.parse import HELP
    from queuectl_core.errors import UsageError

    for length in (3, 2, 1):
        verb = " ".join(words[:length])
        if verb in usage.VERBS:
            return verb, list(words[length:])
    if not words:
        raise UsageError(
            "no verb is given",
            hint="queuectl help lists them; to begin: queuectl enqueue 'echo hello'",
        )
    first = words[0]
    if first not in usage.GROUPS:
        raise UsageError(f'there is no verb "{first[:60]}"', hint=hints.for_verb(first))
    if words[1:2] and words[1] in HELP:
        return "help", [first]
    raise _lacks_second(first, words[1:2])


def _lacks_second(group: str, second: Sequence[str]) -> QueuectlError:
    """Return the error for a group's name without one of its verbs."""
    from queuectl_core.cli import hints, usage
    from queuectl_core.errors import UsageError

    verbs = usage.verbs_of(group)
    these = f"queuectl {group} {'|'.join(verbs)}"
    if not second or second[0].startswith("-"):
        return UsageError(f'"queuectl {group}" needs a verb', hint=f"it is one of: {these}")
    wrong = f"{group} {second[0][:60]}"
    meant = hints.nearest(wrong, [f"{group} {verb}" for verb in verbs])
    hint = f"did you mean {meant}?" if meant else f"it is one of: {these}"
    return UsageError(f'there is no verb "{wrong}"', hint=hint)


def _session(args: Args, clock: Clock) -> Session:
    out = output.Output(
        as_json=args.flag("--json"), quiet=args.flag("--quiet"), colour=not args.flag("--no-color")
    )
    return Session(clock, out, home=args.text("--home"), db=args.text("--db"))


def _commands(verb: str) -> Mapping[str, Command]:
    """Import the module that has the verb."""
    match verb:
        case "enqueue":
            from queuectl_core.cli.enqueue import COMMANDS
        case "run":
            from queuectl_core.cli.run import COMMANDS
        case "hold" | "release":
            from queuectl_core.cli.flow import COMMANDS
        case "logs":
            from queuectl_core.cli.logs import COMMANDS
        case "status" | "metrics":
            from queuectl_core.cli.stats import COMMANDS
        case _:
            return _look_commands(verb)
    return COMMANDS


def _look_commands(verb: str) -> Mapping[str, Command]:
    """Import the module of a verb that looks at jobs and changes nothing."""
    match verb:
        case "list" | "dlq list":
            from queuectl_core.cli.listing import COMMANDS
        case "show" | "why" | "dlq show":
            from queuectl_core.cli.looking import COMMANDS
        case "wait":
            from queuectl_core.cli.wait import COMMANDS
        case "top":
            from queuectl_core.cli.top import COMMANDS
        case _:
            return _change_commands(verb)
    return COMMANDS


def _change_commands(verb: str) -> Mapping[str, Command]:
    """Import the module of a verb that changes jobs or queues."""
    match verb:
        case "cancel" | "retry" | "edit" | "rm" | "dlq retry" | "dlq purge":
            from queuectl_core.cli.changes import COMMANDS
        case "pause" | "resume" | "queue pause" | "queue resume" | "prune":
            from queuectl_core.cli.queues import COMMANDS
        case "queue list" | "queue set" | "queue drain":
            from queuectl_core.cli.queue_limits import COMMANDS
        case "export" | "import":
            from queuectl_core.cli.transfer import COMMANDS
        case "db upgrade" | "db check" | "db vacuum":
            from queuectl_core.cli.database import COMMANDS
        case _ if verb.startswith(("hook ", "schedule ")):
            return _standing_commands(verb)
        case _:
            return _house_commands(verb)
    return COMMANDS


def _standing_commands(verb: str) -> Mapping[str, Command]:
    """Import the module of a verb on what makes jobs by itself: hooks and schedules."""
    match verb:
        case "hook add" | "hook test":
            from queuectl_core.cli.hook_add import COMMANDS
        case _ if verb.startswith("hook "):
            from queuectl_core.cli.hooks import COMMANDS
        case "schedule list" | "schedule show" | "schedule next" | "schedule check":
            from queuectl_core.cli.schedules import COMMANDS
        case "schedule export" | "schedule import":
            from queuectl_core.cli.schedule_transfer import COMMANDS
        case _:
            from queuectl_core.cli.schedule import COMMANDS
    return COMMANDS


def _house_commands(verb: str) -> Mapping[str, Command]:
    """Import the module of a verb that is not about jobs."""
    match verb.partition(" ")[0]:
        case "worker" | "up":
            from queuectl_core.cli.worker import COMMANDS
        case "config":
            from queuectl_core.cli.config import COMMANDS
        case "web" if verb == "web":
            from queuectl_core.cli.web import COMMANDS
        case "web":
            from queuectl_core.cli.web_tokens import COMMANDS
        case "service":
            from queuectl_core.cli.service import COMMANDS
        case "backup" | "restore" | "doctor":
            from queuectl_core.cli.upkeep import COMMANDS
        case "completion":
            from queuectl_core.cli.completion import COMMANDS
        case _:
            from queuectl_core.cli.about import COMMANDS
    return COMMANDS
