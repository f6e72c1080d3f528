"""`queuectl pause`, `resume` and `prune`: what concerns whole queues."""

from __future__ import annotations

from queuectl_core.cli import asking, output
from queuectl_core.cli.caller import caller
from queuectl_core.cli.counting import counted
from queuectl_core.cli.text import queue_named
from queuectl_core.durations import parse_duration_ms
from queuectl_core.services import forgetting, queues
from queuectl_core.services.forgetting import Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session


def pause(session: Session, args: Args) -> int:
    """Let no job of a queue start any more."""
    queue = args.text("<queue>")
    new = queues.pause(
        session.store,
        queue,
        by=caller(),
        reason=args.text("--reason"),
        now_ms=session.clock.now_ms(),
    )
    again = "" if new else " (it was already; the reason is noted anew)"
    return _tell(session, queue, f"Paused {queue_named(queue)}{again}", paused=True)


def resume(session: Session, args: Args) -> int:
    """Let jobs of a queue start again."""
    queue = args.text("<queue>")
    if queues.resume(session.store, queue, now_ms=session.clock.now_ms()):
        return _tell(session, queue, f"Resumed {queue_named(queue)}", paused=False)
    none = "nothing was paused" if queue is None else f"{queue_named(queue)} was not paused"
    return _tell(session, queue, none, paused=False)


def _tell(session: Session, queue: str | None, text: str, *, paused: bool) -> int:
    if session.out.as_json:
        session.out.record({"queue": queue, "paused": paused})
    elif not session.out.quiet:
        session.out.line(text[0].upper() + text[1:])
    return 0


def prune(session: Session, args: Args) -> int:
    """Forget completed and cancelled jobs."""
    span, now_ms = args.text("--older-than"), session.clock.now_ms()
    rule = forgetting.rule_of(session.settings, now_ms=now_ms)
    if span is not None:
        rule = Rule(now_ms - parse_duration_ms(span), None)
    total = forgetting.count(session.store, rule)
    if args.flag("--dry-run"):
        return _tell_pruned(session, total, "would be forgotten")
    if span is not None and total:
        asking.confirm(args, f"forget {counted(total)}")
    done = 0
    try:
        for pruned in forgetting.prune(
            session.store, rule, logs_dir=session.logs_dir, now_ms=now_ms
        ):
            done += pruned
            output.progress(f"{done:,} of {counted(total)} forgotten")
    finally:
        output.progress("")
        _tell_pruned(session, done, "forgotten")
    return 0


def _tell_pruned(session: Session, count: int, done: str) -> int:
    if session.out.as_json:
        session.out.record({"pruned": count})
    else:
        session.out.note(f"{counted(count)} {done}")
    return 0


COMMANDS: Mapping[str, Command] = {
    "pause": pause,
    "queue pause": pause,
    "resume": resume,
    "queue resume": resume,
    "prune": prune,
}
