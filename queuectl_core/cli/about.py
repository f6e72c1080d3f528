"""`queuectl help` and `version`."""

from __future__ import annotations

from queuectl_core import __version__
from queuectl_core.cli import hints, usage
from queuectl_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session


def explain(session: Session, args: Args) -> int:
    """Print the overview, a group, a verb's text or a topic; with --man a manual page."""
    topic = " ".join(args.words("<topic>"))
    text = manual_page(topic) if args.flag("--man") else help_text(topic)
    if session.out.as_json:
        session.out.record({"topic": topic, "text": text})
    else:
        session.out.line(text.rstrip("\n"))
    return 0


def help_text(topic: str) -> str:
    """Return what there is to read about `topic`; UsageError with the nearest one otherwise."""
    if topic in usage.TEXTS:
        return usage.text(topic)
    from queuectl_core.cli import topics  # noqa: PLC0415 - 1 ms of --help of a verb

    if not topic:
        return topics.overview()
    if topic in usage.GROUPS:
        return topics.group(topic)
    if topic in topics.TOPICS:
        return topics.TOPICS[topic]
    raise _no_topic(topic, [*usage.VERBS, *usage.GROUPS, *topics.TOPICS])


def manual_page(topic: str) -> str:
    """Return the manual page of queuectl or of a verb; UsageError with the nearest one."""
    from queuectl_core.cli import manual  # noqa: PLC0415 - for --man only

    if not topic:
        return manual.main_page()
    if topic in usage.VERBS:
        return manual.verb_page(topic)
    raise _no_topic(topic, usage.VERBS)


def _no_topic(topic: str, known: list[str] | Mapping[str, str]) -> UsageError:
    meant = hints.HABITS.get(topic)
    if meant not in known:
        meant = hints.nearest(topic, known)
    return UsageError(
        f'there is no verb or topic "{topic[:60]}"',
        hint=f"did you mean {meant}?" if meant else "queuectl help lists verbs and topics",
    )


def version(session: Session, _args: Args) -> int:
    """Print the version."""
    if session.out.as_json:
        from queuectl_core.cli import versions  # noqa: PLC0415 - loads all that is bundled

        session.out.record({"version": __version__, **versions.bundled()})
    else:
        session.out.line(f"queuectl {__version__}")
    return 0


COMMANDS: Mapping[str, Command] = {"help": explain, "version": version}
