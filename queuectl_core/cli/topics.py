"""What `queuectl help` prints beside the verbs' own texts: the overview, groups, and topics.

Imported by `help` alone: no other verb pays for the guides.
"""

from __future__ import annotations

from queuectl_core.cli import topics_guides, topics_operation, usage, usage_queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Add jobs": ("enqueue", "run", "schedule"),
    "Look": ("list", "show", "why", "logs", "wait", "status", "metrics", "top"),
    "Change jobs": (
        "cancel",
        "retry",
        "edit",
        "rm",
        "prune",
        "pause",
        "resume",
        "queue",
        "hold",
        "release",
    ),
    "Dead letters": ("dlq",),
    "Be told": ("hook",),
    "Run them": ("worker", "up", "service"),
    "Keep it well": ("config", "doctor", "backup", "restore", "export", "import", "db"),
    "More": ("web", "completion", "help", "version"),
}
"""How `queuectl help` sorts the verbs, by their first words; what is not built is not shown."""

TOPICS: Mapping[str, str] = topics_guides.TOPICS | usage_queue.TOPICS | topics_operation.TOPICS
"""What `queuectl help TOPIC` explains. The first line of each is its title."""


def sections() -> dict[str, list[str]]:
    """Return the verbs by section, in the order of usage.VERBS; none is left out."""
    section_of = {first: title for title, firsts in SECTIONS.items() for first in firsts}
    found: dict[str, list[str]] = {title: [] for title in SECTIONS}
    for verb in usage.VERBS:
        found[section_of.get(verb.partition(" ")[0], "More")].append(verb)
    return {title: verbs for title, verbs in found.items() if verbs}


def overview() -> str:
    """Return what `queuectl help` prints."""
    width = max(map(len, usage.VERBS))
    blocks = [
        "\n".join([f"{title}:", *(f"  {verb:<{width}}  {usage.VERBS[verb]}" for verb in verbs)])
        for title, verbs in sections().items()
    ]
    topics = "\n".join(f"  {topic:<{width}}  {title(text)}" for topic, text in TOPICS.items())
    return "\n\n".join([usage.TOP.rstrip(), *blocks, f"Topics:\n{topics}", _FOOT])


def title(topic_text: str) -> str:
    """Return the first line of a topic, without its full stop."""
    return topic_text.partition("\n")[0].rstrip(".:")


def group(name: str) -> str:
    """Return the verbs of a group, as `queuectl help worker` prints them."""
    verbs = {verb: summary for verb, summary in usage.VERBS.items() if verb.startswith(f"{name} ")}
    width = max(map(len, verbs))
    return "\n".join(f"  queuectl {verb:<{width}}  {summary}" for verb, summary in verbs.items())


_FOOT = """\
Start here:
  queuectl enqueue -- rsync -a src/ dst/
  queuectl worker start
  queuectl status

`queuectl help VERB` or `queuectl help TOPIC` explains one; `queuectl help first-job` begins.
"""
