"""The contract on recurring schedules: a group of verbs beside those on jobs.

Apart from those of a Store: they share its connection, and are loaded at the first question.
Imported by type checkers alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.job import Enqueued, Job
    from queuectl_core.schedule import Due, NewSchedule, Schedule, Tick


class Schedules(Protocol):
    """The schedules of one queue; see Doors.schedules."""

    def put(self, new: Sequence[NewSchedule], *, now_ms: int, replace: bool = False) -> list[bool]:
        """Add schedules in one transaction, and wake the ticker; tell for each whether it was.

        One whose name is taken is left out; with `replace` it takes the place of the old one, whose
        history stays, and its pause.
        """

    def named(self, name: str) -> Schedule | None:
        """Return the schedule of that name, or None."""

    def all(self) -> Sequence[Schedule]:
        """Return all schedules by name."""

    def remove(self, name: str) -> bool:
        """Forget a schedule, its jobs stay; tell whether there was one."""

    def pause(self, name: str, *, by: str, reason: str | None, now_ms: int) -> bool:
        """Let a schedule make no jobs; False where it was paused: the reason is noted anew."""

    def resume(self, name: str, due: Due, *, now_ms: int) -> bool:
        """Let it make jobs again, from `due` on, and wake the ticker; False where it was not."""

    # --- the ticker's ---

    def next_ms(self) -> int | None:
        """Return the moment at which there is something to do for a ticker; None: never."""

    def due(self, *, now_ms: int, limit: int, but: Sequence[str] = ()) -> Sequence[Schedule]:
        """Return schedules that are due, the most overdue first, but not those named."""

    def fire(
        self, planned: Sequence[tuple[Schedule, Tick]], *, max_retries: int, now_ms: int
    ) -> list[Sequence[Enqueued] | None]:
        """Make the jobs of ticks and move their schedules on, in one transaction; return the jobs.

        None, and nothing is done, for a schedule that is not any more as it was seen: another
        ticker was faster, or somebody changed it. A time that has its job already gets no other.
        `max_retries` is what jobs get that do not say it themselves.
        """

    def run(self, name: str, *, max_retries: int, now_ms: int) -> Enqueued | None:
        """Make a job of a schedule now, beside its times; None where there is no such schedule.

        Raises JobExists where its unique key is taken.
        """

    def note_late(self, *, now_ms: int) -> Sequence[str]:
        """Note which schedules lack a success, each once; return their names."""

    # --- looking ---

    def any(self) -> bool:
        """Tell whether there is any schedule."""

    def last_jobs(self, name: str, *, limit: int) -> Sequence[Job]:
        """Return the last jobs of a schedule, the newest first."""
