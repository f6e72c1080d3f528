"""`queuectl help` and `version`; and `web`, which this version does not have."""

from __future__ import annotations

from queuectl_core import __version__
from queuectl_core.cli import output, usage, usage_queue
from queuectl_core.errors import Unavailable, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session

MAX_PORT = 65_535


def explain(session: Session, args: Args) -> int:
    """Print the overview, a group, a verb's text or a topic."""
    session.out.line(help_text(" ".join(args.words("<topic>"))).rstrip("\n"))
    return 0


def help_text(topic: str) -> str:
    """Return what there is to read about `topic`; UsageError with the nearest one otherwise."""
    if not topic:
        return usage.overview()
    if topic in usage.TEXTS:
        return usage.text(topic)
    if topic in usage.GROUPS:
        return usage.group(topic)
    if topic in usage_queue.TOPICS:
        return usage_queue.TOPICS[topic]
    raise UsageError(
        f'there is no verb or topic "{topic[:60]}"', hint=nearest(topic, "queuectl help")
    )


def nearest(word: str, otherwise: str) -> str:
    """Return a hint with the verb or topic that the word is closest to."""
    from difflib import get_close_matches  # noqa: PLC0415 - 6 ms, for a typo only

    names = [*usage.TEXTS, *usage.GROUPS, *usage_queue.TOPICS]
    close = get_close_matches(word, names, n=1)
    return f"did you mean {close[0]}?" if close else otherwise


def version(session: Session, _args: Args) -> int:
    """Print the version."""
    if session.out.as_json:
        session.out.record({"version": __version__})
    else:
        session.out.line(f"queuectl {__version__}")
    return 0


def web(_session: Session, args: Args) -> int:
    """Say that there is no dashboard yet."""
    port = args.whole("--port", 5000, low=0, high=MAX_PORT)
    where = f"{args.text('--host') or '127.0.0.1'}:{port}"
    raise Unavailable(
        f"the dashboard is not in this version yet; nothing listens on {output.clean(where)}",
        hint="queuectl status, queuectl list and queuectl metrics show the same",
    )


COMMANDS: Mapping[str, Command] = {"help": explain, "version": version, "web": web}
