from __future__ import annotations

import os
import stat
import threading

import pytest

from queuectl_core.errors import QueuectlError
from queuectl_core.lifecycle import State
from queuectl_core.storage import open_store
from tests import halves
from tests.builders import NOW_MS, completed, new_job, new_worker
from tests.conformance import children, steps

DEADLINE_S = 30


@pytest.fixture
def open_copy(engine):
    opened = []

    def open_copy(path):
        opened.append(open_store(engine.url_of_copy(path), now_ms=NOW_MS))
        return opened[-1]

    yield open_copy
    for store in opened:
        store.close()


def write_until(engine, stop, running):
    """Add, claim and finish jobs in a connection of our own, until told to stop."""
    store = engine.open()
    while not stop.is_set():
        store.enqueue([new_job() for _ in range(3)], now_ms=NOW_MS)
        claims = halves.claim(store, worker=1, limit=2, now_ms=NOW_MS)
        halves.finish(store, [completed(claim) for claim in claims], now_ms=NOW_MS)
        running.set()


@pytest.fixture
def busy_writer(engine):
    """Let somebody write as fast as he can during the test."""
    stop, running = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=write_until, args=(engine, stop, running), name="writer", daemon=True
    )
    thread.start()
    assert running.wait(DEADLINE_S)
    yield thread
    stop.set()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()


def test_a_copy_holds_every_job(store, tmp_path, open_copy):
    for state in steps.EVERY_STATE:
        steps.put(store, state, id=f"job-{state}", argv=("printf", "ä"), env={"A": "b"})
    path = str(tmp_path / "copy.db")

    store.backup(path)

    assert steps.view(open_copy(path)) == steps.view(store)


def test_a_copy_made_while_others_write_is_consistent(store, tmp_path, open_copy, busy_writer):
    for place in range(5):
        path = str(tmp_path / f"copy-{place}.db")
        store.backup(path)

        copy = open_copy(path)

        assert copy.select(limit=1).jobs
        steps.assert_figures_are_true(copy)
    assert busy_writer.is_alive()


def test_a_copy_of_a_large_queue_gets_done_while_others_write(engine, store, tmp_path):
    for _ in range(5):
        store.enqueue([new_job("echo " + "x" * 100_000) for _ in range(200)], now_ms=NOW_MS)
    copying = threading.Thread(
        target=lambda: engine.open().backup(str(tmp_path / "copy.db")), name="copy", daemon=True
    )
    with (
        children.start(engine.url, "write_without_end") as one,
        children.start(engine.url, "write_without_end") as two,
    ):
        assert one.line() == two.line() == "writing"

        copying.start()
        copying.join(DEADLINE_S / 3)
        done = not copying.is_alive()

    copying.join(DEADLINE_S)
    assert done, "the copy starts anew at every write"


def test_a_copy_is_readable_by_its_owner_only(store, tmp_path, umask):
    umask(0)

    store.backup(str(tmp_path / "copy.db"))

    assert stat.S_IMODE(os.stat(tmp_path / "copy.db").st_mode) == 0o600


def test_backup_does_not_replace_a_file(store, tmp_path):
    path = tmp_path / "precious"
    path.write_text("words")

    with pytest.raises(QueuectlError, match="precious"):
        store.backup(str(path))

    assert path.read_text() == "words"


def test_a_copy_is_a_queue_of_its_own_afterwards(store, tmp_path, open_copy):
    number = steps.enqueue(store)
    path = str(tmp_path / "copy.db")
    store.backup(path)
    copy = open_copy(path)

    copy.cancel([number], now_ms=NOW_MS)

    assert steps.job_of(store, number).state is State.PENDING


def test_the_running_jobs_of_a_copy_are_rescued_where_it_is_restored(store, tmp_path, open_copy):
    claim = steps.claimed(store, worker=store.register(new_worker(), now_ms=NOW_MS))
    restored = tmp_path / "elsewhere"
    restored.mkdir(mode=0o700)
    store.backup(str(restored / "queue.db"))
    copy = open_copy(str(restored / "queue.db"))

    (dead,) = copy.take_dead_workers()
    copy.rescue(dead, now_ms=NOW_MS)

    assert steps.job_of(copy, claim.job.number).state is State.PENDING
    assert steps.job_of(store, claim.job.number).state is State.PROCESSING
