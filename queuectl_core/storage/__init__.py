"""Where jobs are kept. The only place that picks an engine."""

from __future__ import annotations

from queuectl_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.sqlite.examiner import SqliteExaminer
    from queuectl_core.storage.store import Intake, Store
    from queuectl_core.storage.upkeep import Copy, Restored


def open_store(url: str, *, now_ms: int) -> Store:
    """Open the queue at `url`, a path of a queue file, and create it where there is none.

    Raises NewerVersion, StorageDamaged, NoPermission; see storage/sqlite/connection.py.
    """
    _refuse_server(url)
    from queuectl_core.storage.sqlite.engine import SqliteStore

    return SqliteStore(url, now_ms=now_ms)


def is_there(url: str) -> bool:
    """Tell whether there is, or was, a queue at `url`; in doubt yes, and opening it says more."""
    _refuse_server(url)
    from queuectl_core.storage.sqlite import files

    return files.is_there(url)


def open_nothing(url: str) -> Store:
    """Return a queue for those who only look where there is none: empty, and nothing is created."""
    from queuectl_core.storage.sqlite.nothing import SqliteNothing

    return SqliteNothing(url)


def open_intake(url: str, *, now_ms: int) -> Intake:
    """Open the queue as `open_store` does, to add jobs only: 1 ms less of a cold start."""
    _refuse_server(url)
    from queuectl_core.storage.sqlite.intake import SqliteIntake

    return SqliteIntake(url, now_ms=now_ms)


def examine(url: str) -> SqliteExaminer:
    """Return a doctor's way into the queue at `url`; opens it as it is, at the first need."""
    _refuse_server(url)
    from queuectl_core.storage.sqlite.examiner import SqliteExaminer

    return SqliteExaminer(url)


def restore(url: str, source: str, *, now_ms: int, force: bool) -> Restored:
    """Put the copy `source` in the place of the queue at `url`, also of a damaged or missing one.

    The copy is checked wholly, then the old file is set aside with its log, then the copy is
    written, in one transaction; cut off in between, every command refuses the queue until restore
    is run again. Raises StorageBusy while any process uses the queue; WrongState, without `force`,
    where a healthy queue with jobs is there; NoInput, StorageDamaged and NewerVersion where
    `source` can't be taken.
    """
    _refuse_server(url)
    from queuectl_core.storage.sqlite import upkeep

    return upkeep.restore(url, source, now_ms=now_ms, force=force)


def look_at_copy(path: str) -> Copy:
    """Return what a backup holds. Raises NoInput, StorageDamaged, NewerVersion."""
    from queuectl_core.storage.sqlite import copies

    return copies.look_at_copy(path)


def verify_copy(path: str) -> Copy:
    """Return what a backup holds, after reading all of it; StorageDamaged where it is not whole."""
    from queuectl_core.storage.sqlite import copies

    return copies.verify_copy(path)


def is_in_use(path: str) -> bool:
    """Tell whether any process has a queue, or the draft of a backup, open."""
    from queuectl_core.storage.sqlite import upkeep

    return upkeep.in_use(path)


def keep_copy(draft: str, path: str) -> None:
    """Give a backup that is closed its name; file and name are on disk when it returns.

    Raises WrongState where there is a file of that name, StorageFull, NoPermission, StorageError.
    """
    from queuectl_core.storage.sqlite import copies

    copies.keep_copy(draft, path)


def replace_copy(draft: str, path: str) -> None:
    """Do the same in the place of a file of that name, if there is one."""
    from queuectl_core.storage.sqlite import copies

    copies.replace_copy(draft, path)


def library_versions() -> dict[str, str]:
    """Return what keeps the queue, with its version."""
    from queuectl_core.storage.sqlite import library

    return library.versions()


def _refuse_server(url: str) -> None:
    if "://" in url:
        raise UsageError(
            f"this version keeps its queue in a file, not at {url.partition('://')[0]}://",
            hint="give a path: --db /var/lib/queuectl/queue.db",
        )
