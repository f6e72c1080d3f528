"""Forgets old jobs on request, by the rules by which a worker does it."""

from __future__ import annotations

from queuectl_core.lifecycle import FINAL, State
from queuectl_core.records import Record
from queuectl_core.selection import Selection
from queuectl_core.services.changes import delete_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl_core.config import Settings
    from queuectl_core.storage.store import Store

DAY_MS = 24 * 3600 * 1000
CHUNK = 500
FORGETTABLE = tuple(state for state in FINAL if state is not State.DEAD)


class Rule(Record):
    """Which completed and cancelled jobs go: ended before that, or beyond the `keep` newest."""

    before_ms: int | None
    keep: int | None


def rule_of(settings: Settings, *, now_ms: int) -> Rule:
    """Return the rule of the settings keep-finished-*."""
    days = settings.keep_finished_days
    before_ms = int(now_ms - days * DAY_MS) if days else None
    return Rule(before_ms, settings.keep_finished_count or None)


def count(store: Store, rule: Rule) -> int:
    """Return about how many jobs the rule would forget."""
    finished = Selection(states=FORGETTABLE)
    old = 0
    if rule.before_ms is not None:
        old = store.count(finished._replace(before_ms=rule.before_ms))
    surplus = 0 if rule.keep is None else store.count(finished) - rule.keep
    return max(old, surplus, 0)


def prune(store: Store, rule: Rule, *, logs_dir: str, now_ms: int) -> Iterator[int]:
    """Forget jobs, their output after them, chunk by chunk; yield how many went with each."""
    more = True
    while more:
        pruned = store.prune(before_ms=rule.before_ms, keep=rule.keep, limit=CHUNK, now_ms=now_ms)
        for number, starts in pruned.jobs:
            delete_output(logs_dir, number, starts)
        more = pruned.more
        yield len(pruned.jobs)
