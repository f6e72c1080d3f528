"""Writes a queue file anew, without the pages of what was forgotten."""

from __future__ import annotations

import os

import apsw

from queuectl_core.errors import StorageFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.sqlite.gate import Gate

COPIES = 2
"""VACUUM writes a temporary copy, then all of it to the log (https://sqlite.org/lang_vacuum.html).
"""


def compact(connection: apsw.Connection, gate: Gate, path: str) -> tuple[int, int]:
    """Vacuum behind the gate; return the file's bytes before and after. StorageFull: no room."""
    with gate:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        before_bytes = os.path.getsize(path)
        _refuse_full(path, before_bytes)
        connection.execute("VACUUM").fetchall()
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.BusyError:
            pass  # a reader: the next checkpoint shortens the file
    return before_bytes, os.path.getsize(path)


def _refuse_full(path: str, size_bytes: int) -> None:
    """Refuse, before anything is written, what would end half-way."""
    disk = os.statvfs(os.path.dirname(path))
    free_bytes = disk.f_bavail * disk.f_frsize
    needed_bytes = size_bytes * COPIES
    if free_bytes < needed_bytes:
        raise StorageFull(
            f"{path}: {needed_bytes:,} bytes are needed to write it anew, {free_bytes:,} are free",
            hint="free some space, or copy it to another disk: queuectl backup FILE",
        )
