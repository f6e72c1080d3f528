"""What one command works with: clock, output, home, and on first use settings and store."""

from __future__ import annotations

import os

from queuectl_core import home as homes
from queuectl_core.errors import BadConfig
from queuectl_core.services.intake import Defaults
from queuectl_core.storage import is_there, open_intake, open_nothing, open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl_core.cli.output import Output
    from queuectl_core.cli.parse import Args
    from queuectl_core.clock import Clock
    from queuectl_core.config import Settings
    from queuectl_core.durations import Naive
    from queuectl_core.home import Home
    from queuectl_core.storage.store import Intake, Store

    Command = Callable[["Session", Args], int]


class Session:
    """One command's surroundings; close it at the end. Reads and creates nothing unasked."""

    def __init__(
        self, clock: Clock, out: Output, *, home: str | None = None, db: str | None = None
    ) -> None:
        self.clock = clock
        self.out = out
        self._home_flag = home
        self._db_flag = db
        self._settings: Settings | None = None
        self._store: Store | None = None
        self._nothing: Store | None = None
        self._intake: Intake | None = None

    @property
    def home(self) -> Home:
        """The queue's home; need not exist yet."""
        return homes.find(self._home_flag, os.environ)

    @property
    def settings(self) -> Settings:
        """The settings in force; BadConfig where the file or a variable is wrong."""
        if self._settings is None:
            flags = {"db_path": _absolute(self._db_flag)} if self._db_flag else {}
            self._settings = homes.read_settings(self.home, os.environ, flags)
        return self._settings

    @property
    def db_path(self) -> str:
        """The queue file, or the URL of the server."""
        chosen = self.settings.db_path
        path = chosen if "://" in chosen else self.home.db_path(self.settings)
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise BadConfig(f"the name of the queue file is not valid UTF-8: {path!r}") from error
        return path

    @property
    def logs_dir(self) -> str:
        """Where the output of this queue's jobs lies."""
        return self.home.logs_dir(self.db_path)

    @property
    def store(self) -> Store:
        """The store, opened at the first use; creates home and queue file where there are none."""
        if self._store is None:
            self._store = open_store(self._prepared_path(), now_ms=self.clock.now_ms())
        return self._store

    @property
    def looking(self) -> Store:
        """The store for a verb that only looks: where there is no queue, an empty one.

        Creates nothing, and `missing` says where the queue would be: the home may be mistyped.
        """
        if self._store is not None or is_there(self.db_path):
            return self.store
        if self._nothing is None:
            if os.path.lexists(self.home.path):
                homes.check_directory(self.home.path)
            self._nothing = open_nothing(self.db_path)
        return self._nothing

    @property
    def missing(self) -> str | None:
        """Where a verb that only looked found no queue; None where there is one."""
        return None if self._nothing is None or self._store is not None else self.db_path

    @property
    def intake(self) -> Intake:
        """The way into the store, for a command that only adds jobs."""
        if self._intake is None:
            self._intake = open_intake(self._prepared_path(), now_ms=self.clock.now_ms())
        return self._intake

    def _prepared_path(self) -> str:
        path = self.db_path
        homes.prepare(self.home)
        return path

    def defaults(self, *, cwd: str | None) -> Defaults:
        """Return what a new job gets that it does not say itself."""
        naive: Naive = "utc" if self.settings.naive_time == "utc" else "local"
        return Defaults(self.settings.max_retries, self.clock.now_ms(), cwd, naive)

    def close(self) -> None:
        """Close what was opened of the store."""
        for connection in (self._store, self._nothing, self._intake):
            if connection is not None:
                connection.close()
        self._store = self._nothing = self._intake = None


def _absolute(path: str) -> str:
    """Return what --db names, seen from the caller's directory."""
    return path if "://" in path else os.path.abspath(os.path.expanduser(path))
