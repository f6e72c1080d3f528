"""Looks into a queue file as it is: makes nothing, upgrades nothing, trusts nothing.

Each question stands alone and raises our errors where it can't be answered. Owned by one thread.
"""

from __future__ import annotations

import os

import apsw

from queuectl_core.errors import NotFound, StorageDamaged
from queuectl_core.lifecycle import State
from queuectl_core.storage.sqlite import files, limits, presence, waiting
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite import statements_flow as flow_sql
from queuectl_core.storage.sqlite import statements_heads as heads_sql
from queuectl_core.storage.sqlite import statements_limits as limits_sql
from queuectl_core.storage.sqlite import statements_upkeep as upkeep_sql
from queuectl_core.storage.sqlite.connection import (
    APPLICATION_ID,
    OLDEST_SQLITE,
    SCHEMA_VERSION,
    SMALLEST_BYTES,
    check_sqlite,
    connect,
    newer_version,
    translated,
)
from queuectl_core.storage.sqlite.copies import BUSY_TIMEOUT_MS, first_line
from queuectl_core.storage.sqlite.gate import Gate
from queuectl_core.storage.sqlite.ledger import Ledger
from queuectl_core.storage.upkeep import HookRow, Miscount, Presence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.storage.sqlite.rows import Row

LINES_SINCE = 4
"""The schema in which each line has a head."""
HOOKS_SINCE = 3
"""The schema that has hooks."""
FULL = 2
"""`PRAGMA synchronous`: each commit is on disk when it returns."""


class SqliteExaminer:
    """One look at one queue file; close it at the end."""

    def __init__(self, path: str) -> None:
        self._path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        self._connection: apsw.Connection | None = None

    # --- the file ---

    def file_size(self) -> int | None:
        """Return the queue file's bytes, None where there is no queue yet.

        Raises StorageDamaged for one that is missing or empty though a queue was here, NoPermission
        for a link or another user's file.
        """
        there = files.check_queue_file(self._path)
        size_bytes = os.path.getsize(self._path) if there else 0
        if size_bytes == 0:
            if files.read_id(self._path) is not None:
                raise files.refuse_missing(self._path)
            return None
        if size_bytes < SMALLEST_BYTES:
            raise StorageDamaged(f"{self._path} is not a queue file", hint=_RESTORE)
        return size_bytes

    def log_size(self) -> int:
        """Return the bytes of the write-ahead log, 0 without one."""
        try:
            return os.stat(f"{self._path}-wal").st_size
        except FileNotFoundError:
            return 0

    def file_system(self) -> str | None:
        """Return the type of the file system, None where nothing says it.

        Raises StorageError for one that can't be trusted with a queue.
        """
        directory = os.path.dirname(self._path)
        files.check_file_system(directory)
        return files.file_system(directory)

    # --- what it is ---

    def schema(self) -> tuple[int, int]:
        """Return the schema's number and the one that this version knows.

        Raises NewerVersion, and StorageDamaged for a database that is no queue.
        """
        application_id, version = self._rows(sql.IDENTITY)[0]
        if application_id != APPLICATION_ID:
            raise StorageDamaged(
                f"{self._path} is a database, but not a queue",
                hint="give another file with the setting db-path",
            )
        if int(version) > SCHEMA_VERSION:
            raise newer_version(self._path, version)
        return int(version), SCHEMA_VERSION

    def identities(self) -> tuple[str, str | None]:
        """Return the queue's id, and the one noted beside it, None where none is."""
        return str(self._rows(sql.QUEUE_ID)[0][0]), files.read_id(self._path)

    def damage(self) -> str | None:
        """Read every page; return the first thing that is wrong, None where nothing is."""
        said = self._rows(upkeep_sql.INTEGRITY)
        return None if said == [("ok",)] else first_line(said)

    def sqlite_version(self) -> str:
        """Return SQLite's version. Raises StorageError for one that can lose commits."""
        version = apsw.sqlite_lib_version()
        check_sqlite(version)
        return f"{version}, at least {'.'.join(map(str, OLDEST_SQLITE))} is needed"

    def durability(self) -> tuple[str, bool]:
        """Return the journal mode, and whether each commit is on disk when it returns."""
        mode, level = self._rows(upkeep_sql.JOURNAL_MODE), self._rows(upkeep_sql.SYNCHRONOUS)
        return str(mode[0][0]), int(level[0][0]) >= FULL

    # --- what is in it ---

    def miscounts(self) -> list[Miscount]:
        """Return the figures that are not what the rows say; reads an index of all rows."""
        return [Miscount._make(row) for row in self._rows(upkeep_sql.MISCOUNTS)]

    def strays(self, *, now_ms: int) -> tuple[list[int], int]:
        """Return the jobs that wait for nothing that could ever let them go, and stray rows."""
        jobs = [int(row[0]) for row in self._rows(flow_sql.STRAYS, {"now_ms": now_ms})]
        return jobs, int(self._rows(flow_sql.DANGLING)[0][0])

    def hooks(self) -> list[HookRow]:
        """Return the hooks with their runs that wait and that are dead; none in an old schema."""
        found = self._rows(upkeep_sql.HOOKS) if self.schema()[0] >= HOOKS_SINCE else []
        if not found:
            return []
        from queuectl_core.storage.sqlite import (  # noqa: PLC0415 - most queues have no hook
            statements_hooks as hooks_sql,
        )

        left: dict[str, dict[str, int]] = {}
        for hook, state, runs in self._rows(hooks_sql.RUNS_LEFT):
            left.setdefault(str(hook), {})[state] = int(runs)
        return [
            HookRow(
                row[0],
                row[1],
                row[2],
                row[3],
                sum(runs for state, runs in left.get(row[0], {}).items() if state != State.DEAD),
                left.get(row[0], {}).get(State.DEAD, 0),
            )
            for row in found
        ]

    def serves_hooks(self) -> bool:
        """Tell whether a live worker takes the runs of hooks."""
        directory = files.workers_dir(self._path)
        return any(
            presence.is_alive(directory, worker) for (worker,) in self._rows(upkeep_sql.HOOK_TAKERS)
        )

    def lost_lines(self) -> list[str]:
        """Return the queues of which a claim would miss jobs that may start, or take others."""
        if self.schema()[0] < LINES_SINCE:
            return []
        return [str(row[0]) for row in self._rows(heads_sql.LOST_LINES)]

    def late_schedules(self, *, now_ms: int) -> list[str]:
        """Return the names of the schedules that lack a success."""
        found = self._rows(sql.SCHEDULE_STATES, {"now_ms": now_ms})
        return [str(name) for name, state in found if state == "late"]

    def newest_event_ms(self) -> int | None:
        """Return the latest moment among the last thousand events, None without any."""
        newest = self._rows(upkeep_sql.NEWEST_EVENT)[0][0]
        return None if newest is None else int(newest)

    def presences(self) -> list[Presence]:
        """Return every worker that the queue knows or that a running job names, by id."""
        directory = files.workers_dir(self._path)
        return [
            Presence(worker, seen_at_ms, presence.is_alive(directory, worker), claims)
            for worker, seen_at_ms, claims in self._rows(
                upkeep_sql.PRESENCES, {"processing": State.PROCESSING}
            )
        ]

    # --- mending ---

    def recount(self, *, now_ms: int) -> None:
        """Make the figures of `status` anew from the rows, in one transaction."""
        gate = Gate(files.gate_path(self._path))
        try:
            with Ledger(self._opened(), gate, self._path, now_ms) as ledger:
                ledger.connection.execute(upkeep_sql.DROP_COUNTS)
                ledger.connection.execute(upkeep_sql.RECOUNT)
        finally:
            gate.close()

    def find_lines(self, *, now_ms: int) -> None:
        """Make anew where each line begins and which queues are shut, in one transaction."""
        gate = Gate(files.gate_path(self._path))
        try:
            with Ledger(self._opened(), gate, self._path, now_ms) as ledger:
                ledger.connection.execute(heads_sql.DROP_LINES)
                queues: list[Row] = ledger.connection.execute(limits_sql.QUEUES).fetchall()
                for (queue,) in queues:
                    limits.look_again(ledger, queue)
                ledger.connection.execute(heads_sql.FIND_LINES)
        finally:
            gate.close()

    def let_strays_go(self, *, now_ms: int) -> None:
        """Let those jobs go and forget those rows, in one transaction."""
        gate = Gate(files.gate_path(self._path))
        try:
            with Ledger(self._opened(), gate, self._path, now_ms) as ledger:
                ledger.connection.execute(flow_sql.DELETE_DANGLING)
                waiting.let_strays_go(ledger)
        finally:
            gate.close()

    def empty_log(self) -> bool:
        """Write the log into the queue file; tell whether it is empty now: readers keep it."""
        return not self._rows(upkeep_sql.CHECKPOINT)[0][0]

    def close(self) -> None:
        """Close what was opened."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # --- within ---

    def _opened(self) -> apsw.Connection:
        """Open the file once. An emptied one never: SQLite would delete the log beside it."""
        if self._connection is None:
            if self.file_size() is None:
                raise NotFound(f"there is no queue in {self._path}")
            self._connection = connect(self._path)
            self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        return self._connection

    def _rows(
        self, statement: str, values: Mapping[str, apsw.SQLiteValue] | None = None
    ) -> list[Row]:
        try:
            return self._opened().execute(statement, values).fetchall()
        except apsw.Error as error:
            raise translated(error, self._path) from error


_RESTORE = "put a backup in its place: queuectl restore FILE"
