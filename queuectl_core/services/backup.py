"""Backups: a checked copy of the queue under its final name, and the way back."""

from __future__ import annotations

import os

from queuectl_core import storage
from queuectl_core.errors import NoInput, StorageError, UsageError, WrongState
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.clock import Clock
    from queuectl_core.storage.store import Store
    from queuectl_core.storage.upkeep import Restored

DRAFT = ".part"
"""What the name of a copy ends with until it is whole."""


class Backup(Record):
    """A copy that was made. `verified`: every page of it was read again."""

    path: str
    jobs: int
    size_bytes: int
    duration_ms: int
    verified: bool


class Wish(Record):
    """What a user wants backed up to where."""

    path: str
    db_path: str
    replace: bool
    verify: bool


def check(wish: Wish) -> None:
    """Refuse, before a queue is opened, what can't be backed up or must not be written over."""
    _refuse_stream(wish.path)
    if not os.path.lexists(wish.db_path):
        raise NoInput(f"there is no queue in {wish.db_path}", hint="queuectl doctor tells more")
    _refuse_own_files(wish)
    if not os.path.lexists(wish.path):
        return
    if not os.path.isfile(wish.path) or os.path.islink(wish.path):
        raise UsageError(f"{wish.path} is not a plain file", hint="give the name of a file")
    if not wish.replace:
        raise WrongState(
            f"{wish.path} exists already", hint="give another name, or --force to replace it"
        )


def back_up(store: Store, wish: Wish, *, clock: Clock) -> Backup:
    """Copy the queue to a file, 0600, while others go on; the name is there once it is whole.

    Both the file and its name are on disk when it returns. Raises what `check` and Store.backup
    do, and StorageDamaged, with no file made, where a copy that is to be verified is not whole.
    """
    check(wish)
    began_ms = clock.monotonic_ms()
    draft = wish.path + DRAFT
    try:
        store.backup(draft)
        copy = storage.verify_copy(draft) if wish.verify else storage.look_at_copy(draft)
        keep = storage.replace_copy if wish.replace else storage.keep_copy
        keep(draft, wish.path)
    except BaseException as error:
        if isinstance(error.__cause__, FileExistsError):  # by O_EXCL: somebody else's draft
            raise StorageError(
                f"{draft} exists: another backup writes it, or one was cut off",
                hint=f"if no backup runs: rm {draft}",
            ) from error
        _discard(draft)
        raise
    duration_ms = clock.monotonic_ms() - began_ms
    return Backup(wish.path, copy.jobs, copy.size_bytes, duration_ms, wish.verify)


def restore(db_path: str, path: str, *, clock: Clock, force: bool) -> Restored:
    """Put a backup in the place of the queue; see storage.restore for what it refuses."""
    _refuse_stream(path)
    return storage.restore(db_path, path, now_ms=clock.now_ms(), force=force)


def _refuse_stream(path: str) -> None:
    if path == "-":
        raise UsageError(
            "a backup is a file, not a stream", hint="give its name: queuectl backup /backup/q.db"
        )


def _refuse_own_files(wish: Wish) -> None:
    """Refuse to write over the queue and what lies beside it, under whatever name."""
    own = os.path.realpath(wish.db_path)
    wanted = os.path.realpath(wish.path)
    beside = {
        f"{own}{part}" for part in ("", ".reserve", "-wal", "-shm", ".id", ".gate", ".workers")
    }
    if wanted in beside or wanted.startswith(f"{own}.workers/"):
        raise UsageError(f"{wish.path} belongs to the queue itself", hint="give another name")


def _discard(draft: str) -> None:
    for part in ("", "-journal", "-wal", "-shm"):
        if os.path.lexists(draft + part):
            os.unlink(draft + part)
