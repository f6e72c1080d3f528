"""What the executor asks of those around it: a place for output, and somebody to use the time."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Log(Protocol):
        """Where the output of a run goes."""

        @property
        def total_bytes(self) -> int:
            """Return how much came so far."""

        @property
        def last_error_line(self) -> str | None:
            """Return the last line of stderr, or None."""

        def write(self, stream: str, data: bytes | memoryview, now_ms: int) -> None:
            """Take what was read from the job; raises nothing."""

    class Companion(Protocol):
        """Has other things to do while a command runs, in its thread. May raise nothing."""

        def started(self) -> None:
            """Use the time: the command runs. Its output and its timeout wait for us."""

        def lingers(self) -> bool:
            """Hear that it still runs after LINGER_MS; tell whether to hear so again."""
