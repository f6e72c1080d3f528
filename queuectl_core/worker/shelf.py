"""Where claims lie that were made ahead: a job that is over starts the next one from here at once.

The sync of its result then happens while that one runs already, and not between the two. Only very
short jobs gain by it, and only they are claimed ahead: a claim that lies here for longer than
LIE_MS goes back to the queue, so that no long job holds another one back.
"""

from __future__ import annotations

import threading
from collections import deque

from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from queuectl_core.run import Claim

SHORT_MS = 20
"""A run up to this is very short, and the next one is expected to be so too."""
STREAK = 3
"""So many short runs of a thread in a row are no accident."""
LIE_MS = 50


class _Laid(Record):
    claim: Claim
    at_ms: int


class Shelf:
    """The claims ahead of one pool, the oldest first. Thread-safe; moments are monotonic.

    Who lays one by runs a job, and looks here when that has ended or has taken LIE_MS: so nothing
    lies here unseen.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._laid: deque[_Laid] = deque()

    def lay_by(self, claims: Iterable[Claim], now_ms: int) -> None:
        """Put claims on the shelf."""
        with self._guard:
            self._laid.extend(_Laid(claim, now_ms) for claim in claims)

    def take(self) -> Claim | None:
        """Take the oldest one to run it; None when there is none."""
        with self._guard:
            return self._laid.popleft().claim if self._laid else None

    def lacks(self, depth: int) -> int:
        """Return how many claims to lay by: one for the next run, one more below that depth."""
        return 1 + (len(self._laid) < depth)

    def is_empty(self) -> bool:
        """Tell whether nothing lies here."""
        return not self._laid

    def take_stale(self, now_ms: int) -> list[Claim]:
        """Take those that have lain for too long, to give them back."""
        return self._take(lambda laid: now_ms - laid.at_ms >= LIE_MS)

    def take_all(self) -> list[Claim]:
        """Take what is left, to give it back."""
        return self._take(lambda _: True)

    def withdraw(self, tokens: Collection[int]) -> list[Claim]:
        """Take those with these tokens: they shall not run."""
        return self._take(lambda laid: laid.claim.token in tokens)

    def _take(self, fits: Callable[[_Laid], bool]) -> list[Claim]:
        with self._guard:
            taken = [laid.claim for laid in self._laid if fits(laid)]
            self._laid = deque(laid for laid in self._laid if not fits(laid))
        return taken
