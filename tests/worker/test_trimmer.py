from __future__ import annotations

import apsw

from queuectl_core.worker import trimmer as trimming
from queuectl_core.worker.trimmer import TRIM_BYTES, WARN_BYTES, WARN_EVERY_MS, Trimmer
from tests import halves
from tests.builders import NOW_MS, new_job

BIG_COMMAND = "x" * 1_000_000


class LogOf:
    """A store whose log has this size."""

    def __init__(self, size_bytes):
        self.size_bytes = size_bytes

    def trim_log(self, **_):
        return self.size_bytes


def warnings(caplog):
    return [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_long_reader_is_warned_about_and_the_log_shrinks_after_it(tmp_path, store, clock, caplog):
    log = tmp_path / "queue.db-wal"
    trimmer = Trimmer(store, clock)
    reader = apsw.Connection(str(tmp_path / "queue.db"))
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM jobs").fetchall()
    for _ in range(7):
        store.enqueue([new_job(BIG_COMMAND)] * 10, now_ms=NOW_MS)
    assert log.stat().st_size > WARN_BYTES

    trimmer.look()

    (warning,) = warnings(caplog)
    assert "reading the queue for long" in warning.getMessage()
    assert halves.claim(store, worker=1, limit=1, now_ms=NOW_MS)

    reader.close()
    trimmer.look()

    assert log.stat().st_size <= TRIM_BYTES
    assert len(warnings(caplog)) == 1


def test_a_log_of_64_mebibytes_is_no_reason_to_warn(clock, caplog):
    Trimmer(LogOf(WARN_BYTES), clock).look()

    assert not caplog.records


def test_the_warning_comes_once_in_ten_minutes(clock, caplog):
    trimmer = Trimmer(LogOf(WARN_BYTES + 1), clock)
    for _ in range(3):
        trimmer.look()
        clock.advance(1_000)
    assert len(warnings(caplog)) == 1

    clock.advance(WARN_EVERY_MS)
    trimmer.look()

    assert len(warnings(caplog)) == 2


def test_a_warning_tells_the_size(clock, caplog):
    Trimmer(LogOf(100 << 20), clock).look()

    assert "100 MiB" in caplog.text
    assert trimming.WARN_EVERY_MS == 600_000
