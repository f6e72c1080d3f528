"""What a worker was asked to be. Made by the supervisor before it forks, read on both sides."""

from __future__ import annotations

from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.config import Settings
    from queuectl_core.home import Home


class Order(Record):
    """What a user asks of a worker. `queues` None: all; `drain`: end when nothing is left to do.

    `at_most`: how many threads may run jobs of some queues. `max_jobs`: end after so many.
    """

    threads: int = 1
    queues: tuple[str, ...] | None = None
    drain: bool = False
    at_most: Mapping[str, int] | None = None
    max_jobs: int | None = None
    name: str | None = None


class Plan(Record):
    """`queues` None: all. `drain`: end when nothing is left to do. `environ`: what jobs inherit."""

    home: Home
    db_path: str
    settings: Settings
    threads: int
    queues: tuple[str, ...] | None
    drain: bool
    environ: Mapping[str, str]
    order: Order = Order()
    detached: bool = False

    @property
    def logs_dir(self) -> str:
        """Where this queue's logs go."""
        return self.home.logs_dir(self.db_path)

    @property
    def size(self) -> str:
        """How many threads there are, for people."""
        return "1 thread" if self.threads == 1 else f"{self.threads} threads"
