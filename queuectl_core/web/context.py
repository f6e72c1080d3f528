"""What all requests share: how to open the queue, the settings, the clock, what was asked for."""

from __future__ import annotations

import threading

from queuectl_core.records import Record
from queuectl_core.services.totals import Totals
from queuectl_core.web.cache import Memo, PageCache
from queuectl_core.web.limits import Failures, Waiters
from queuectl_core.web.operations import Operations, Place
from queuectl_core.web.requests import Requests
from queuectl_core.web.sessions import Invitation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from queuectl_core.clock import Clock
    from queuectl_core.config import Settings
    from queuectl_core.home import Home
    from queuectl_core.storage.store import Store
    from queuectl_core.web.answer import Answer


WAITERS = 2
"""Requests that may wait for events at a time: a quarter of the server's threads."""


class Options(Record):
    """How the server was started. `hosts` are the names that may be asked for, in lower case.

    `any_address`: also every address, since a name of another site's is never one.
    `trusted_proxy` is the address whose X-Forwarded-For and -Proto count; "*": whoever comes.
    """

    hosts: Sequence[str] = ("127.0.0.1", "localhost", "::1")
    base_path: str = ""
    read_only: bool = False
    no_auth: bool = False
    debug: bool = False
    any_address: bool = False
    trusted_proxy: str | None = None


class Context:
    """One dashboard. Its stores belong to the threads that asked for them."""

    def __init__(  # noqa: PLR0913 - the surroundings of a process, put together in one place
        self,
        *,
        open_store: Callable[[], Store],
        settings: Settings,
        clock: Clock,
        home: Home,
        db_path: str,
        key: bytes,
        options: Options,
    ) -> None:
        self._open_store = open_store
        self._local = threading.local()
        self.settings = settings
        self.clock = clock
        self.home = home
        self.db_path = db_path
        self.logs_dir = home.logs_dir(db_path)
        self.key = key
        self.options = options
        self.invitation = Invitation()
        self.failures = Failures(clock)
        self.pages: PageCache[Answer] = PageCache(clock)
        self.totals = Totals()
        self.requests = Requests()
        self.waiters = Waiters(WAITERS)
        self.stopping = threading.Event()
        self.charts = Memo(clock)
        self.groups = Memo(clock)
        self.operations = Operations(Place(clock, self.logs_dir, open_store, self.changed))

    def changed(self) -> None:
        """Forget what pages would show that is not so any more; charts may be some seconds old."""
        self.pages.clear()
        self.groups.clear()

    def warm(self) -> None:
        """Add up the past once, so that the first request need not; in a thread of its own."""
        store = self._open_store()
        try:
            self.totals.figures(store, now_ms=self.clock.now_ms())
        finally:
            store.close()

    def store(self) -> Store:
        """Return this thread's store, opened at its first request."""
        store: Store | None = getattr(self._local, "store", None)
        if store is None:
            store = self._local.store = self._open_store()
        return store

    def drop_store(self) -> None:
        """Close this thread's store, if it has one: the next request opens it anew."""
        store: Store | None = getattr(self._local, "store", None)
        self._local.store = None
        if store is not None:
            store.close()
