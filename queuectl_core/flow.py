"""What a job may wait for besides its time: other jobs, a free place, a person. Words and rules.

Pure, and below job.py. Not on the path of a cold `enqueue` without such a wish.
"""

from __future__ import annotations

from queuectl_core.lifecycle import FINAL, State
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HELD, DEPENDENCY, MUTEX = 1, 2, 4
"""The bits of `Job.blocked`. MUTEX only ever stands alone: a job takes its place in that line when
nothing else blocks it."""
REASONS: Mapping[int, str] = {HELD: "held", DEPENDENCY: "dependency", MUTEX: "mutex"}
EXPIRED = "expired"

ENDS: Mapping[str, tuple[State, ...]] = {
    "ok": (State.COMPLETED,),
    "fail": (State.DEAD, State.CANCELLED),
    "any": FINAL,
}
"""The ends of a job that let one go on which waits `after` it, by the word of the condition."""
STARTED, FINISHED = "started", "finished"
MAX_SLOTS = 1000
MAX_AFTER = 10_000


class After(Record):
    """A job to wait for, by the word of a user, and how it has to end."""

    job: str
    condition: str = "ok"


class Unique(Record):
    """A key that no two jobs have: until one has started, has finished, or for a period."""

    key: str
    scope: str = FINISHED  # STARTED, FINISHED or the period as text
    period_ms: int | None = None


class Mutex(Record):
    """A key of which at most `slots` jobs run at once."""

    key: str
    slots: int = 1


class Flow(Record):
    """All that a new job may wait for."""

    after: tuple[After, ...] = ()
    unique: Unique | None = None
    mutex: Mutex | None = None
    expires_at_ms: int | None = None
    hold: bool = False


def reason(blocked: int) -> str:
    """Return the word for what blocks a job; the first where there are several."""
    return next(word for bit, word in REASONS.items() if blocked & bit)


def written(after: Iterable[tuple[int, str]]) -> str:
    """Return the jobs to wait for as a queue keeps them: "17:ok 18:any"."""
    return " ".join(f"{number}:{condition}" for number, condition in after)


def read(text: str) -> list[tuple[int, str]]:
    """Return the numbers and conditions that `written` wrote."""
    pairs = (word.partition(":") for word in text.split())
    return [(int(number), condition) for number, _, condition in pairs]


def keyed(key: str, value: object) -> str:
    """Return a key with its value, as the options take it: "db=3"."""
    return f"{key}={value}"
