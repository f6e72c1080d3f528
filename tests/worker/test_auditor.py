from __future__ import annotations

import pytest

from queuectl_core.errors import StorageDamaged
from queuectl_core.home import Home
from queuectl_core.worker.auditor import DOUBT_MS, TRUST_MS, Auditor
from queuectl_core.worker.plan import Plan
from tests import halves
from tests.builders import NOW_MS, new_job, new_worker
from tests.worker.fakes import SETTINGS


@pytest.fixture
def auditor_of(store, tmp_path, clock):
    def auditor_of(*, drain=True):
        home = Home(str(tmp_path))
        plan = Plan(home, str(tmp_path / "queue.db"), SETTINGS, 1, None, drain, {})
        return Auditor(store, plan, clock)

    return auditor_of


def break_figures(store):
    store._connection.execute("UPDATE counts SET jobs = jobs + 1").fetchall()


def watch(auditor, clock, span_ms, is_idle=lambda: True):
    for _ in range(span_ms // 1000 + 1):
        auditor.look(is_idle)
        clock.advance(1000)


def test_a_queue_without_work_is_not_checked(auditor_of, clock, caplog):
    watch(auditor_of(), clock, 10 * DOUBT_MS)

    assert caplog.text == ""


def test_a_job_that_is_due_for_long_while_all_are_idle_has_the_queue_checked_once(
    store, auditor_of, clock, caplog
):
    store.enqueue([new_job()], now_ms=NOW_MS)

    watch(auditor_of(), clock, TRUST_MS)

    assert caplog.text.count("checking the queue") == 1


def test_a_worker_that_has_something_to_do_has_no_doubt(store, auditor_of, clock, caplog):
    store.enqueue([new_job()], now_ms=NOW_MS)

    watch(auditor_of(), clock, 10 * DOUBT_MS, is_idle=lambda: False)

    assert caplog.text == ""


def test_a_job_of_later_raises_no_doubt(store, auditor_of, clock, caplog):
    store.enqueue([new_job(run_at_ms=NOW_MS + TRUST_MS)], now_ms=NOW_MS)

    watch(auditor_of(), clock, 10 * DOUBT_MS)

    assert caplog.text == ""


def test_others_that_take_the_jobs_raise_no_doubt(store, auditor_of, clock, caplog):
    worker = store.register(new_worker(), now_ms=NOW_MS)
    auditor = auditor_of()
    for _ in range(3 * DOUBT_MS // 1000):
        store.enqueue([new_job()], now_ms=clock.now_ms())
        watch(auditor, clock, 1000)
        halves.claim(store, worker=worker, limit=1, now_ms=clock.now_ms())

    assert caplog.text == ""


def test_a_job_that_runs_elsewhere_raises_no_doubt(store, auditor_of, clock, caplog):
    worker = store.register(new_worker(), now_ms=NOW_MS)
    store.enqueue([new_job()], now_ms=NOW_MS)
    halves.claim(store, worker=worker, limit=1, now_ms=NOW_MS)

    watch(auditor_of(), clock, 10 * DOUBT_MS)

    assert caplog.text == ""


def test_who_drains_ends_over_figures_that_count_a_job_that_is_nowhere(store, auditor_of, clock):
    worker = store.register(new_worker(), now_ms=NOW_MS)
    store.enqueue([new_job()], now_ms=NOW_MS)
    (claim,) = halves.claim(store, worker=worker, limit=1, now_ms=NOW_MS)
    store._connection.execute("DELETE FROM jobs").fetchall()
    assert claim

    with pytest.raises(StorageDamaged, match="counts jobs that are not there") as caught:
        watch(auditor_of(), clock, 2 * DOUBT_MS)

    assert caught.value.hint == "queuectl doctor --fix"


def test_who_stays_lives_with_wrong_figures(store, auditor_of, clock):
    store.enqueue([new_job()], now_ms=NOW_MS)
    break_figures(store)

    watch(auditor_of(drain=False), clock, 2 * DOUBT_MS)


@pytest.mark.parametrize("drain", [True, False])
def test_damage_that_is_found_ends_the_worker_with_the_command_that_mends_it(
    store, auditor_of, clock, drain
):
    store.enqueue([new_job()], now_ms=NOW_MS)
    connection = store._connection
    connection.execute("PRAGMA writable_schema = ON").fetchall()
    connection.execute("DELETE FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")

    with pytest.raises(StorageDamaged, match="is damaged") as caught:
        watch(auditor_of(drain=drain), clock, 2 * DOUBT_MS)

    assert "queuectl restore BACKUP" in caught.value.hint
