"""One test for each rule of why."""

from __future__ import annotations

from queuectl_core.flow import After, Flow, Mutex
from queuectl_core.lifecycle import State
from queuectl_core.services import jobs, reasons
from queuectl_core.storage import open_store
from tests import halves
from tests.builders import NOW_MS, buried, completed, new_job, new_worker, retried


def add(store, **fields):
    (added,) = store.enqueue([new_job(**fields)], now_ms=NOW_MS)
    return added.number


def start(store):
    """Start the best due job."""
    (claim,) = halves.claim(store, worker=1, limit=1, now_ms=NOW_MS)
    return claim


def why(store, number, now_ms=NOW_MS):
    (reason,) = reasons.why(store, [store.job_by_number(number)], now_ms=now_ms)
    return reason


def test_a_job_that_completed(store):
    number = add(store)
    halves.finish(store, [completed(start(store))], now_ms=NOW_MS + 5)

    reason = why(store, number)

    assert (reason.code, reason.text, reason.at_ms) == ("completed", "completed", NOW_MS + 5)
    assert reason.hint == "queuectl logs 1"


def test_a_job_that_failed_for_good_says_how(store):
    texts = []
    for fields in (
        {"error": "no space"},
        {"error": None, "exit_code": 3},
        {"error": None, "exit_code": None, "signal": 9},
        {"reason": "timeout", "error": "terminated"},
        {"reason": "verify", "error": None, "exit_code": 1},
        {"reason": "held"},
        {"reason": "poison"},
        {"reason": "interrupted"},
    ):
        number = add(store)
        halves.finish(store, [buried(start(store), **fields)], now_ms=NOW_MS)
        texts.append(why(store, number).text)

    assert texts[:5] == [
        "failed for good in attempt 1 (no space),",
        "failed for good in attempt 1 (exit code 3),",
        "failed for good in attempt 1 (signal 9),",
        "failed for good in attempt 1 (timeout),",
        "failed for good in attempt 1 (its check failed),",
    ]
    assert "held for a person" in texts[5]
    assert "died too often" in texts[6]
    assert "must not repeat" in texts[7]


def test_a_job_that_was_cancelled_or_replaced(store):
    number = add(store, id="a")
    store.enqueue([new_job(id="a")], now_ms=NOW_MS, on_conflict="replace")
    other = add(store)
    store.cancel([other], now_ms=NOW_MS)

    assert why(store, number).text == "was replaced by a new job with its id or unique key"
    assert why(store, other).text == "was cancelled"
    assert why(store, other).hint == f"queuectl retry {other}"


def test_a_job_that_waits_for_more_than_its_time(store):
    store.register(new_worker(threads=3), now_ms=NOW_MS)
    parent = add(store, id="load", flow=Flow(mutex=Mutex("db")))
    child = add(store, flow=Flow(after=(After("load"),)), run_at_ms=NOW_MS + 5)
    held = add(store, flow=Flow(hold=True))
    start(store)
    parked = add(store, flow=Flow(mutex=Mutex("db")))

    answers = [why(store, number) for number in (child, held, parked)]

    assert [reason.code for reason in answers] == ["dependency", "held", "mutex"]
    assert [reason.text for reason in answers] == [
        "waits until job load completes (processing)",
        "is held back",
        'waits until a place of the mutex "db" is free; job load holds it',
    ]
    assert [reason.hint for reason in answers] == ["", f"queuectl release {held}", ""]
    assert why(store, parent).code == "running"


def test_a_job_that_waited_in_vain(store):
    parent = add(store)
    child = add(store, flow=Flow(after=(After(f"#{parent}"),)))
    late = add(store, flow=Flow(expires_at_ms=NOW_MS + 1))
    store.cancel([parent], now_ms=NOW_MS)
    store.settle_waiting(now_ms=NOW_MS + 1)

    assert why(store, child).text == "was cancelled since a job that it waited for ended otherwise"
    assert why(store, late).text == "expired: it was not started in its time"


def test_jobs_that_are_blocked_do_not_go_first(store):
    store.register(new_worker(), now_ms=NOW_MS)
    for wishes in ({"hold": True}, {"after": (After("#1"),)}):
        add(store, priority=9, flow=Flow(**wishes))

    assert why(store, add(store)).code == "due"


def test_a_job_that_runs(store):
    store.register(new_worker(), now_ms=NOW_MS)
    number = add(store)
    start(store)

    assert why(store, number).text == "runs on worker 1, attempt 1 of 3, since"
    store.cancel([number], now_ms=NOW_MS)
    assert why(store, number).code == "stopping"


def test_a_job_of_a_run_of_its_own(store):
    store.register(new_worker(queues=()), now_ms=NOW_MS)
    number = add(store)
    start(store)
    waiting = add(store)

    assert why(store, number).text == "runs in a queuectl run of its own, attempt 1 of 3, since"
    assert why(store, waiting).code == "no_worker"


def test_a_job_that_is_claimed_ahead_keeps_no_thread_busy(store):
    store.register(new_worker(threads=2), now_ms=NOW_MS)
    add(store)
    start(store)
    assert why(store, add(store)).code == "due"
    start(store)
    add(store)
    start(store)

    (row,) = store.workers()

    assert (row.busy, len(row.running)) == (2, 3)


def test_a_job_whose_worker_died(store):
    number = add(store)
    start(store)

    reason = why(store, number)

    assert reason.code == "worker_died"
    assert reason.hint == "queuectl worker start"


def test_a_job_that_waits_for_its_retry_or_its_time(store):
    failed = add(store)
    halves.finish(store, [retried(start(store), run_at_ms=NOW_MS + 9_000)], now_ms=NOW_MS)
    later = add(store, run_at_ms=NOW_MS + 7_000)

    assert why(store, failed).code == "retry_later"
    assert why(store, failed).at_ms == NOW_MS + 9_000
    assert (why(store, later).code, why(store, later).at_ms) == ("due_later", NOW_MS + 7_000)
    assert why(store, later, now_ms=NOW_MS + 7_000).code == "no_worker"


def test_a_queue_that_is_paused(store):
    number = add(store, queue="mail")
    store.pause("mail", by="ann", reason="moving", now_ms=NOW_MS)

    reason = why(store, number)

    assert (reason.code, reason.at_ms) == ("paused", NOW_MS)
    assert reason.text == "is due, but its queue is paused by ann (moving), since"
    assert reason.hint == "queuectl resume mail"

    store.pause(None, by="bob", reason=None, now_ms=NOW_MS + 1)
    assert why(store, number).text == "is due, but all queues are paused by bob, since"
    assert why(store, number).hint == "queuectl resume"


def test_jobs_of_a_paused_queue_are_before_nobody(store):
    store.register(new_worker(), now_ms=NOW_MS)
    add(store, queue="mail", priority=9)
    number = add(store)
    store.pause("mail", by="ann", reason=None, now_ms=NOW_MS)

    assert why(store, number).code == "due"


def test_a_queue_that_no_worker_serves(store):
    store.register(new_worker(queues=["thumbs"]), now_ms=NOW_MS)
    number = add(store, queue="mail")

    reason = why(store, number)

    assert reason.code == "queue_not_served"
    assert reason.hint == "queuectl worker start --queue mail"


def test_workers_that_stop(store):
    worker = store.register(new_worker(), now_ms=NOW_MS)
    store.heartbeat(worker, stopping=True, now_ms=NOW_MS)
    number = add(store)

    assert why(store, number).code == "workers_stop"


def test_busy_threads_and_how_many_are_before_it(store):
    store.register(new_worker(threads=1), now_ms=NOW_MS)
    add(store)
    start(store)
    first = add(store, priority=9)
    second = add(store)

    assert why(store, first).text == (
        "is due, but the one thread for its queue is busy; it is next"
    )
    assert why(store, second).text == (
        "is due, but the one thread for its queue is busy; 1 job goes first"
    )


def test_jobs_of_other_queues_count_only_where_the_same_workers_serve_them(store):
    store.register(new_worker(queues=["mail", "sms"]), now_ms=NOW_MS)
    add(store, queue="sms", priority=9)
    add(store, queue="thumbs", priority=9)
    number = add(store, queue="mail")

    assert why(store, number).text == "is due; 1 job goes first"
    assert why(store, 1).text == "is due; a worker takes it in a moment"


def test_many_jobs_before_it_are_not_all_counted(store, monkeypatch):
    monkeypatch.setattr(reasons, "MOST_AHEAD", 3)
    store.register(new_worker(), now_ms=NOW_MS)
    store.enqueue([new_job()] * 5, now_ms=NOW_MS)

    assert "more than 3 jobs go first" in why(store, 5).text
    assert "; 3 jobs go first" in why(store, 4).text


def test_each_state_has_an_answer_of_its_own(store):
    """A rule that is added before the others must not take their jobs."""
    codes = {rule(scene).code for scene, rule in _answers(store)}

    assert {"completed", "dead", "cancelled", "worker_died", "no_worker"} <= codes


def _answers(store):
    for how in (completed, buried):
        add(store)
        halves.finish(store, [how(start(store))], now_ms=NOW_MS)
    store.cancel([add(store)], now_ms=NOW_MS)
    add(store)
    start(store)
    add(store)
    for number in range(1, 6):
        scene = reasons.Scene(store.job_by_number(number), store, [], NOW_MS)
        answering = [rule for rule in reasons.RULES if rule(scene)]
        yield scene, answering[0]


def test_a_record_says_it_all(store):
    number = add(store, run_at_ms=NOW_MS + 1_000)
    job = store.job_by_number(number)

    record = reasons.record(job, why(store, number))

    assert record["why"] == "due_later"
    assert record["state"] == State.PENDING
    assert record["text"].endswith(record["at"])
    assert jobs.moment(NOW_MS + 1_000) == record["at"]


def test_a_queue_in_another_process_is_seen(store, tmp_path):
    other = open_store(str(tmp_path / "home" / "queue.db"), now_ms=NOW_MS)
    other.register(new_worker(), now_ms=NOW_MS)
    number = add(store)

    assert why(store, number).code == "due"
    other.close()
    assert why(store, number).code == "no_worker"
