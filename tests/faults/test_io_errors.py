"""A disk that says no: at every call of every kind, once and from then on.

A verb either succeeds, and is there after reopening; or raises one of our errors and changed
nothing. After a single error the store works on. Never a false success, never an error of SQLite's.
"""

from __future__ import annotations

import os
import random
import shutil
import traceback
from typing import TYPE_CHECKING, NamedTuple

import apsw
import pytest

from queuectl_core.errors import QueuectlError, StorageError, StorageFull
from queuectl_core.lifecycle import State
from queuectl_core.storage import open_store
from tests import halves
from tests.builders import NOW_MS, jobs_of
from tests.conformance import steps
from tests.faults import traffic
from tests.faults.disk import Disk

if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl_core.storage.store import Store
    from tests.conformance.steps import View

ERRORS = {
    "xRead": (apsw.IOError, apsw.SQLITE_IOERR_READ),
    "xWrite": (apsw.IOError, apsw.SQLITE_IOERR_WRITE),
    "xWrite full": (apsw.FullError, apsw.SQLITE_FULL),
    "xSync": (apsw.IOError, apsw.SQLITE_IOERR_FSYNC),
    "xTruncate": (apsw.IOError, apsw.SQLITE_IOERR_TRUNCATE),
    "xFileSize": (apsw.IOError, apsw.SQLITE_IOERR_FSTAT),
    "xOpen": (apsw.CantOpenError, apsw.SQLITE_CANTOPEN),
    "xDelete": (apsw.IOError, apsw.SQLITE_IOERR_DELETE),
    "xAccess": (apsw.IOError, apsw.SQLITE_IOERR_ACCESS),
}


class Fault:
    """Fail the `count`-th call of a kind after arming, and with `forever` all later ones."""

    def __init__(self, kind: str, count: int, *, forever: bool) -> None:
        self._kind = kind
        self._left = count
        self._forever = forever
        self.armed = self.struck = False

    def __call__(self, kind: str, _name: str) -> None:
        """Be told of a call; raise where it is its turn."""
        if not self.armed or kind != self._kind.split()[0]:
            return
        self._left -= 1
        if self._left == 0 or (self._forever and self._left < 0):
            self.struck = True
            error, code = ERRORS[self._kind]
            failure = error(f"{self._kind} fails")
            failure.extendedresult = code
            raise failure


def finish_and_claim(store: Store) -> None:
    traffic.finish(store, random.Random(1))


def rescue(store: Store) -> None:
    dead = traffic.dead_worker(store)
    try:
        store.rescue(dead, now_ms=NOW_MS)
    except BaseException:
        dead.release()
        raise


VERBS: dict[str, Callable[[Store], object]] = {
    "enqueue": lambda store: traffic.enqueue_many(store, random.Random(1)),
    "enqueue named": lambda store: steps.enqueue(store, id="new", command="x" * 9_000),
    "claim": lambda store: halves.claim(store, worker=steps.WORKER, limit=2, now_ms=NOW_MS),
    "finish and claim": finish_and_claim,
    "cancel": lambda store: store.cancel([job.number for job in jobs_of(store)], now_ms=NOW_MS),
    "revive": lambda store: store.revive([job.number for job in jobs_of(store)], now_ms=NOW_MS),
    "rescue": rescue,
    "look": steps.view,
}


def make_queue(directory: str) -> str:
    """Make a queue that nobody has open, with jobs in every state; return its directory."""
    store = open_store(os.path.join(directory, "queue.db"), now_ms=NOW_MS)
    for state in steps.EVERY_STATE:
        steps.put(store, state)
    steps.put(store, State.PENDING)
    store.close()
    return directory


@pytest.fixture(scope="module")
def queue(tmp_path_factory):
    """Return the directory of a queue that the tests copy."""
    return make_queue(str(tmp_path_factory.mktemp("queue")))


def plain(view: View) -> View:
    """Return a view without the tokens, which differ in each run."""
    return view._replace(jobs=[job._replace(token=None) for job in view.jobs])


def opened(directory: str) -> View:
    """Return what a queue shows to somebody who comes later; it must be sound."""
    store = open_store(os.path.join(directory, "queue.db"), now_ms=NOW_MS)
    try:
        assert store._connection.execute("PRAGMA integrity_check").get == "ok"
        steps.assert_figures_are_true(store)
        return plain(steps.view(store))
    finally:
        store.close()


class Told(NamedTuple):
    """What the caller of a verb was told: `error` is None where it succeeded."""

    error: QueuectlError | None
    struck: bool
    alive: View | None


def fail_once(directory: str, verb: Callable[[Store], object], fault: Fault) -> Told:
    """Run a verb on a disk that fails once; then use the same store again."""
    with Disk(directory, fault):
        store = open_store(os.path.join(directory, "queue.db"), now_ms=NOW_MS)
        try:
            error = attempt(store, verb, fault)
            alive = plain(steps.view(store))
            steps.assert_figures_are_true(store)
            steps.enqueue(store, id="afterwards")
        finally:
            store.close()
    return Told(error, fault.struck, alive)


def fail_on(directory: str, verb: Callable[[Store], object], fault: Fault) -> Told:
    """Run a verb on a disk that fails and goes on failing, also when the store is closed."""
    with Disk(directory, fault):
        store = open_store(os.path.join(directory, "queue.db"), now_ms=NOW_MS)
        error = attempt(store, verb, fault)
        fault.armed = True
        close(store)
    return Told(error, fault.struck, None)


def attempt(store: Store, verb: Callable[[Store], object], fault: Fault) -> QueuectlError | None:
    fault.armed = True
    try:
        verb(store)
    except QueuectlError as error:
        return error
    finally:
        fault.armed = False
    return None


def close(store: Store) -> None:
    """Close a store on a failing disk, whatever apsw says."""
    try:
        store.close()
    except apsw.Error as error:
        assert_from_close(error)
        store.close()


def assert_from_close(error: apsw.Error) -> None:
    """Let an error pass that only this disk can give: sqlite3_close itself tells of none.

    (https://sqlite.org/c3ref/close.html.) Ours are exceptions of Python, and apsw raises those.
    """
    names = {frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)}
    assert "Connection.close" in names


def copied(queue: str, tmp_path: os.PathLike[str], name: str) -> str:
    return shutil.copytree(queue, os.path.join(tmp_path, name))


def after(queue: str, tmp_path: os.PathLike[str], verb: Callable[[Store], object]) -> View:
    """Return what the queue shows when nothing fails."""
    directory = copied(queue, tmp_path, "after")
    with Disk(directory):
        store = open_store(os.path.join(directory, "queue.db"), now_ms=NOW_MS)
        verb(store)
        store.close()
    return opened(directory)


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("verb", VERBS)
def test_one_error_of_the_disk_is_told_and_changes_nothing(queue, tmp_path, verb, kind):
    before, done = opened(queue), after(queue, tmp_path, VERBS[verb])

    for count in range(1, 1_000):
        directory = copied(queue, tmp_path, str(count))
        told = fail_once(directory, VERBS[verb], Fault(kind, count, forever=False))
        assert told.alive == (before if told.error else done), count
        later = opened(directory)
        assert "afterwards" in {job.id for job in later.jobs}
        assert set(told.alive.jobs) <= set(later.jobs), count
        if not told.struck:
            return


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_disk_that_fails_for_good_is_no_false_success(queue, tmp_path, verb, kind):
    before, done = opened(queue), after(queue, tmp_path, VERBS[verb])

    for count in range(1, 1_000):
        directory = copied(queue, tmp_path, str(count))
        told = fail_on(directory, VERBS[verb], Fault(kind, count, forever=True))
        later = opened(directory)
        assert later == done or (told.error and later == before), count
        if not told.struck:
            return


# --- the whole way of one `enqueue`, from the first look at the file on ---


def enqueue_cold(directory: str, fault: Fault) -> QueuectlError | None:
    """Open, add a job and close, on a disk that fails; return the error, if it was told."""
    fault.armed = True
    with Disk(directory, fault):
        try:
            store = open_store(os.path.join(directory, "queue.db"), now_ms=NOW_MS)
            try:
                steps.enqueue(store, id="new")
            finally:
                close(store)
        except QueuectlError as error:
            return error
        except apsw.Error as error:
            assert_from_close(error)
            return QueuectlError("told, and then the connection was closed")
    return None


@pytest.mark.parametrize("forever", [False, True], ids=["once", "forever"])
@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("there", [False, True], ids=["new", "old"])
def test_a_cold_enqueue_on_a_bad_disk_is_told_or_done(queue, tmp_path, there, kind, forever):
    jobs = {job.id for job in opened(queue).jobs} if there else set()

    for count in range(1, 1_000):
        directory = str(tmp_path / str(count))
        shutil.copytree(queue, directory) if there else os.mkdir(directory)
        fault = Fault(kind, count, forever=forever)
        error = enqueue_cold(directory, fault)
        new = {job.id for job in opened(directory).jobs} - jobs
        # a commit whose sync failed may be there after all, if nothing could be written any more
        allowed = [set(), {"new"}] if forever and kind == "xSync" else [set()]
        assert new in (allowed if error else [{"new"}]), count
        if not fault.struck:
            return


def test_an_error_of_the_disk_says_which_file_and_what_to_do(queue, tmp_path):
    directory = copied(queue, tmp_path, "copy")

    failed = fail_on(directory, VERBS["enqueue"], Fault("xSync", 1, forever=True)).error
    full = fail_on(directory, VERBS["enqueue"], Fault("xWrite full", 1, forever=True)).error

    assert isinstance(failed, StorageError)
    assert isinstance(full, StorageFull)
    assert (failed.exit_code, full.exit_code) == (74, 74)
    assert "queue.db" in str(failed)
    assert failed.hint
    assert full.hint
