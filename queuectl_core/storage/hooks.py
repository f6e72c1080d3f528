"""The contract of hooks: what runs when something happened.

What is told of a move, or of a pause, is told within its transaction: an event and the job that
tells of it are on disk together, or neither is. Not among the verbs of a Store: they share its
connection, and are loaded where there are hooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.hook import Happening, Hook, NewHook


class Hooks(Protocol):
    """The hooks of a store; see Store.hooks."""

    def add(self, hook: NewHook, *, by: str, now_ms: int) -> Hook | None:
        """Add a hook; None where there is one of that name.

        One without a name is called after its event, with a number behind where that is taken.
        """

    def replace(self, hook: NewHook, *, by: str, now_ms: int) -> Hook:
        """Put a hook in the place of the one of its name, if there is one; its figures begin anew.

        Runs that are in the queue stay.
        """

    def all(self) -> Sequence[Hook]:
        """Return the hooks by name."""

    def named(self, name: str) -> Hook | None:
        """Return the hook of that name, or None."""

    def remove(self, name: str, *, now_ms: int) -> bool:
        """Remove a hook; False where there is none. Its runs that are in the queue stay."""

    def pause(self, name: str, *, now_ms: int) -> bool:
        """Let a hook hear nothing any more; False where it is paused already, or is not there.

        What happens meanwhile it never hears of.
        """

    def resume(self, name: str, *, now_ms: int) -> bool:
        """Let a hook hear again; False where it was not paused."""

    def tell(self, happening: Happening, *, now_ms: int) -> int:
        """Tell hooks of something that is no move of a job; return how many heard it."""

    def tell_of_slow(self, *, now_ms: int) -> int:
        """Tell hooks of jobs that run longer than each of them allows, each start once.

        Returns how many that were: what is more than a chunk is left for the next call. Only reads
        where there is nothing to tell. A run that ends before anybody looked is told of at its end.
        """

    def runs_left(self) -> Mapping[str, Mapping[str, int]]:
        """Return by hook and state how many of its runs have not ended well, as far as kept."""
