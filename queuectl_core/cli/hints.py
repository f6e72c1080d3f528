"""What somebody may have meant: the nearest word, or the word that another program has for it."""

from __future__ import annotations

from queuectl_core.cli import usage
from queuectl_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

HABITS = {
    "add": "enqueue", "submit": "enqueue", "push": "enqueue", "create": "enqueue",
    "new": "enqueue", "put": "enqueue", "ls": "list", "ps": "list", "jobs": "list",
    "get": "show", "info": "show", "describe": "show", "inspect": "show", "cat": "logs",
    "log": "logs", "output": "logs", "tail": "logs", "watch": "top", "stat": "status",
    "stats": "metrics", "statistics": "metrics", "history": "metrics", "start": "worker start",
    "serve": "worker start", "work": "worker start", "stop": "worker stop",
    "shutdown": "worker stop", "health": "worker health", "workers": "worker list",
    "kill": "cancel", "abort": "cancel", "rerun": "retry", "requeue": "retry",
    "restart": "retry", "delete": "rm", "remove": "rm", "del": "rm", "update": "edit",
    "clean": "prune", "cleanup": "prune", "purge": "prune", "gc": "prune",
    "unpause": "resume", "exec": "run", "dead": "dlq list", "failed": "dlq list",
    "settings": "config get", "set": "config set", "get-config": "config get",
    "dashboard": "web", "ui": "web", "cron": "schedule add", "crontab": "schedule list",
    "queues": "queue list", "schedules": "schedule list", "dump": "export", "load": "import",
    "check": "doctor", "fsck": "doctor", "man": "help", "usage": "help",
}  # fmt: skip
"""What people type who know git, systemctl, kubectl or another queue, and what it is here."""
_SHOWN_CHARACTERS = 60


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is closest to `word`, None when none is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - 6 ms, for a typo only

    close = get_close_matches(word, list(known), n=1)
    return close[0] if close else None


def for_verb(word: str) -> str:
    """Return the hint for a word that is no verb."""
    meant = HABITS.get(word.lower())
    if meant not in usage.VERBS:
        meant = nearest(word, [*usage.VERBS, *usage.GROUPS])
    return f"did you mean {meant}?" if meant else "queuectl help lists them"


def for_option(verb: str, name: str, options: Collection[str]) -> str:
    """Return the hint for an option that the verb does not have."""
    others = [other for other in usage.VERBS if f" {name} " in usage.TEXTS[other]]
    if others and verb:
        return f"{name} belongs to {', '.join(others[:4])}; see queuectl help {verb}"
    meant = nearest(name, [option for option in options if option.startswith("--")])
    return f"did you mean {meant}?" if meant else f"queuectl help {verb}".strip()


def check_choice(name: str, value: str, choices: Collection[str], verb: str) -> str:
    """Return `value` where it is one of the choices; UsageError with the nearest one otherwise."""
    if value in choices:
        return value
    meant = nearest(value, choices)
    raise UsageError(
        f'{name} must be {", ".join(choices)}, not "{value[:_SHOWN_CHARACTERS]}"',
        hint=f"did you mean {meant}?" if meant else f"queuectl help {verb}",
    )
