from __future__ import annotations

import os

import apsw
import pytest

from queuectl_core.storage import open_store
from queuectl_core.storage.sqlite import connection as opening
from tests.builders import NOW_MS
from tests.conformance import steps


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "queue.db")


@pytest.fixture
def store(path):
    opened = open_store(path, now_ms=NOW_MS)
    steps.enqueue(opened)
    yield opened
    opened.close()


@pytest.fixture
def reader(path, store):
    """Read the newest state, out of the log, until the test is over."""
    connection = apsw.Connection(path)
    connection.execute("BEGIN")
    assert connection.execute("SELECT count(*) FROM jobs").get == 1
    yield connection
    connection.close()


def busy_timeout_ms(store):
    return store._connection.execute("PRAGMA busy_timeout").get


@pytest.mark.timeout(20)
def test_a_trim_does_not_wait_for_a_reader(path, store, reader):
    store._connection.set_busy_timeout(3_600_000)

    assert store.trim_log(above_bytes=0) == os.stat(f"{path}-wal").st_size > 0


def test_after_a_trim_other_verbs_wait_as_ever(store, reader):
    store.trim_log(above_bytes=0)
    after_busy = busy_timeout_ms(store)
    reader.close()
    store.trim_log(above_bytes=0)

    assert after_busy == busy_timeout_ms(store) == opening.BUSY_TIMEOUT_MS


def test_writers_go_on_while_a_reader_keeps_the_log(path, store, reader):
    store.trim_log(above_bytes=0)
    other = open_store(path, now_ms=NOW_MS)

    assert steps.enqueue(other) == 2
    other.close()


def test_a_queue_without_a_log_has_nothing_to_trim(path, store):
    store._connection.execute("PRAGMA journal_mode = DELETE").fetchall()

    assert store.trim_log(above_bytes=0) == 0
