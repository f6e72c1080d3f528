"""Statements of selections: rendered for the fields that ask for something, values as parameters.

Each takes the narrowest way in, an index that one of the fields has, and tests the others on what
that finds. Newest first: a page first looks how far its bound of rows reaches (`floor`), then reads
no further.
"""

from __future__ import annotations

from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.storage.sqlite.statements import COLUMNS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from queuectl_core.selection import Selection

ALL, STATES, QUEUE, TAG, NUMBERS = "all", "states", "queue", "tag", "numbers"
_WAYS: Mapping[str, str] = {
    ALL: "jobs NOT INDEXED WHERE number >= :floor AND number < :below",
    STATES: "jobs INDEXED BY jobs_state WHERE number >= :floor AND number < :below",
    QUEUE: "jobs INDEXED BY jobs_queue WHERE number >= :floor AND number < :below",
    TAG: """job_tags CROSS JOIN jobs ON jobs.number = job_tags.job
WHERE job_tags.tag = :tag AND job_tags.job >= :floor AND job_tags.job < :below""",
    NUMBERS: """(SELECT key AS place, value AS wanted FROM json_each(:numbers))
CROSS JOIN jobs ON jobs.number = wanted
WHERE TRUE""",
}
_ENTRIES: Mapping[str, str] = {
    ALL: "SELECT number FROM jobs NOT INDEXED WHERE number < :below",
    STATES: "SELECT number FROM jobs INDEXED BY jobs_state WHERE state = {} AND number < :below",
    QUEUE: "SELECT number FROM jobs INDEXED BY jobs_queue WHERE queue = :queue AND number < :below",
    TAG: "SELECT job AS number FROM job_tags WHERE tag = :tag AND job < :below",
}
_TESTS: Mapping[str, str] = {
    QUEUE: "queue = :queue",
    TAG: "EXISTS (SELECT 1 FROM job_tags WHERE job_tags.tag = :tag AND job_tags.job = number)",
    "before_ms": "coalesce(finished_at_ms, created_at_ms) < :before_ms",
    "schedule": "schedule = :schedule",
    "since_ms": "created_at_ms >= :since_ms",
    "until_ms": "created_at_ms < :until_ms",
    "grep": r"""(id LIKE :grep ESCAPE '\' OR error LIKE :grep ESCAPE '\'
    OR coalesce(command, (SELECT group_concat(value, ' ') FROM json_each(argv)))
        LIKE :grep ESCAPE '\')""",
}
_KEYS: Mapping[str, str] = {
    "number": "number",
    "run_at": "run_at_ms",
    "priority": "priority",
    "finished_at": "finished_at_ms",
    "duration": "duration_ms",
}


def tests(selection: Selection) -> dict[str, str]:
    """Return the condition of each field that asks for something, but of `numbers`."""
    asked = {name: text for name, text in _TESTS.items() if getattr(selection, name) is not None}
    if selection.states:
        asked[STATES] = f"state IN ({', '.join(state_parameters(selection.states))})"
    return asked


def hides_hooks(selection: Selection) -> bool:
    """Tell whether the runs of hooks are left out: where neither they nor jobs are named."""
    return selection.queue is None and selection.numbers is None


HIDDEN = f"queue <> '{HOOKS_QUEUE}'"
ANY_HIDDEN = f"""
SELECT EXISTS (SELECT 1 FROM counts WHERE queue = '{HOOKS_QUEUE}' AND jobs > 0)
"""


def state_parameters(states: Sequence[str]) -> list[str]:
    """Return the names of the parameters for states."""
    return [f":state{place}" for place in range(len(states))]


def floor(selection: Selection, way: str) -> str:
    """Return what finds the lowest number of a lookout of :reach rows; nothing where fewer are."""
    entry = _ENTRIES[way]
    if way == STATES:
        entry = " UNION ALL ".join(map(entry.format, state_parameters(selection.states)))
    return f"{entry} ORDER BY number DESC LIMIT 1 OFFSET :reach - 1"


def page(way: str, conditions: Iterable[str]) -> str:
    """Return what reads whole jobs: the newest first, or in the order of the numbers asked for."""
    order = {TAG: "job_tags.job DESC", NUMBERS: "place"}.get(way, "number DESC")
    return f"SELECT {COLUMNS} FROM {_from(way, conditions)} ORDER BY {order} LIMIT :limit"


def ranking(way: str, conditions: Iterable[str], order: str, direction: str) -> str:
    """Return what sorts all selected jobs by a key, those without one last; numbers only."""
    key = _KEYS[order]
    return (
        f"SELECT number FROM {_from(way, conditions)}"
        f" ORDER BY {key} IS NULL, {key} {direction}, number {direction} LIMIT :limit"
    )


def counting(way: str, conditions: Iterable[str]) -> str:
    """Return what counts the selected jobs."""
    return f"SELECT count(*) FROM {_from(way, conditions)}"


def _from(way: str, conditions: Iterable[str]) -> str:
    return "\n  AND ".join([_WAYS[way], *conditions])
