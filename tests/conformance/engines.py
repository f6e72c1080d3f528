"""The engines that the suite runs on. A new engine adds a class here and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from queuectl_core.storage import open_store
from tests.builders import NOW_MS

if TYPE_CHECKING:
    from queuectl_core.storage.store import Store


class Engine(Protocol):
    """An empty queue of its own, for one test."""

    name: str

    def __init__(self, directory: str) -> None:
        """Make the queue; what it needs on disk lies in `directory`."""

    @property
    def url(self) -> str:
        """Return what open_store takes."""

    def url_of_copy(self, path: str) -> str:
        """Return the URL that opens what `Store.backup` wrote to `path`."""

    def open(self) -> Store:
        """Open one more connection."""

    def shut(self, store: Store) -> None:
        """Close one connection now."""

    def close(self) -> None:
        """Close all connections that are still open, and drop the queue."""


class SqliteEngine:
    """A queue file."""

    name = "sqlite"

    def __init__(self, directory: str) -> None:
        self.url = os.path.join(directory, "queue.db")
        self._stores: list[Store] = []

    def url_of_copy(self, path: str) -> str:
        """Return the path: a copy is a queue file."""
        return path

    def open(self) -> Store:
        """Open the file once more."""
        store = open_store(self.url, now_ms=NOW_MS)
        self._stores.append(store)
        return store

    def shut(self, store: Store) -> None:
        """Close one connection now; its worker, if any, looks dead then."""
        self._stores.remove(store)
        store.close()

    def close(self) -> None:
        """Close what a test left open."""
        while self._stores:
            self._stores.pop().close()


ENGINES: dict[str, type[Engine]] = {engine.name: engine for engine in (SqliteEngine,)}
