from __future__ import annotations

from tests import halves
from tests.builders import buried, completed, new_worker, retried


def test_status_of_an_empty_queue_word_for_word(run):
    assert run("status").lines == [
        "=== Queue Status ===",
        "Pending:    0",
        "Processing: 0",
        "Completed:  0",
        "Failed:     0",
        "Dead (DLQ): 0",
        "Cancelled:  0",
        "Workers:    0",
    ]


def test_status_counts_and_tells_the_oldest_due(run, ended, clock):
    run("enqueue", "--stdin", stdin=b"true\n" * 5)
    ended(completed)
    ended(retried)
    ended(buried)
    clock.advance(3_000)

    done = run("status")

    assert done.lines[1:6] == [
        "Pending:    2",
        "Processing: 0",
        "Completed:  1",
        "Failed:     1",
        "Dead (DLQ): 1",
    ]
    assert done.lines[-1] == "Oldest due: 3s"


def test_status_json(run, clock):
    run("enqueue", "true")
    clock.advance(1_500)

    (record,) = run("status", "--json").records

    assert record["pending"] == 1
    assert record["workers"] == []
    assert record["oldest_due"] == 1.5


def test_metrics_word_for_word(run, ended, clock):
    run("enqueue", "--id", "job2", "-p", "9", "true")
    run("enqueue", "--id", "job3", "true")
    clock.advance(1_000)
    ended(retried, error="Command not found", duration_ms=500)
    clock.advance(1_000)
    ended(completed, duration_ms=1_230)

    assert (
        run("metrics").out
        == """\
=== Job Metrics Summary ===
Event Counts:
  enqueued: 2
  started: 2
  completed: 1
  failed: 1
  dlq: 0

Average Duration: 1.23 seconds

Recent Events (last 10):
  [2023-11-14 22:13:22] job3: completed (1.2s)
  [2023-11-14 22:13:22] job3: started
  [2023-11-14 22:13:21] job2: failed (0.5s) - Command not found
  [2023-11-14 22:13:21] job2: started
  [2023-11-14 22:13:20] job3: enqueued
  [2023-11-14 22:13:20] job2: enqueued
"""
    )


def test_a_burial_counts_as_failure_and_as_dead_letter(run, dead_job):
    dead_job("a")

    lines = run("metrics", "--recent", "1").lines

    assert "  failed: 1" in lines
    assert "  dlq: 1" in lines
    assert lines[-2:] == [
        "Recent Events (last 1):",
        "  [2023-11-14 22:13:20] a: dlq (0.0s) - no such host",
    ]


def test_metrics_without_a_completed_run_invents_no_average(run):
    assert "Average Duration: n/a (no run has completed yet)" in run("metrics").lines


def test_metrics_json(run, ended):
    run("enqueue", "--id", "a", "true")
    ended(completed, duration_ms=2_000)

    (record,) = run("metrics", "--json", "--recent", "1").records

    assert record["events"]["completed"] == 1
    assert record["average_duration"] == 2.0
    assert record["recent"] == [
        {
            "at": "2023-11-14T22:13:20+00:00",
            "id": "a",
            "number": 1,
            "event": "completed",
            "duration": 2,
            "detail": None,
        }
    ]


def test_metrics_refuses_a_number_that_is_none(run):
    assert run("metrics", "--recent", "many").code == 64
    assert run("metrics", "--recent", "-1").code == 64


def test_an_event_shows_no_control_characters(run, dead_job):
    dead_job("a", error="\x1b]0;owned\x07")

    assert "\x1b" not in run("metrics").out


def test_a_check_of_an_idle_queue_is_well(run, store):
    done = run("status", "--check", "--max-age", "1s", "--max-dead", "0")

    assert done.code == 0
    assert "Not well" not in done.out


def test_a_check_says_what_is_not_well(run, dead_job, clock):
    dead_job("a")
    run("enqueue", "true")
    clock.advance(90_000)

    done = run("status", "--check", "--max-age", "1m", "--max-dead", "0")

    assert done.code == 1
    assert done.lines[-3:] == [
        "Not well: no worker runs, and jobs wait",
        "Not well: the oldest due job waits for 1m30s, longer than 1m",
        "Not well: 1 job is dead, more than 0",
    ]


def test_a_check_without_limits_looks_at_the_workers_only(run, dead_job, store, clock):
    dead_job("a")
    store.register(new_worker(), now_ms=clock.now_ms())
    run("enqueue", "true")
    assert run("status", "--check").code == 0

    clock.advance(60_000)

    done = run("status", "--check", "--json")
    assert done.code == 1
    assert done.records[0]["healthy"] is False
    assert done.records[0]["problems"] == ["worker 1 (pid 100) is not responding"]


def test_a_queuectl_run_is_no_worker_to_a_check(run, store, clock):
    store.register(new_worker(queues=()), now_ms=clock.now_ms())
    run("enqueue", "true")
    halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
    assert run("status", "--check").code == 0

    run("enqueue", "true")
    clock.advance(60_000)

    assert run("status", "--check").lines[-1] == "Not well: no worker runs, and jobs wait"


def test_limits_without_a_check_are_refused(run, store):
    assert run("status", "--max-age", "1m").code == 64
    assert run("status", "--max-dead", "1").code == 64


def test_metrics_of_a_window(run, ended, clock):
    run("enqueue", "true")
    ended(completed, duration_ms=9_000)
    clock.advance(600_000)
    run("enqueue", "true")
    ended(completed, duration_ms=1_000)

    done = run("metrics", "--window", "5m")

    assert "  completed: 1" in done.lines
    assert "Average Duration: 1.00 seconds" in done.lines
    assert done.lines[-1] == "Window: the last 5m; 0.2 completed a minute"
    (record,) = run("metrics", "--window", "1h", "--json").records
    assert record["events"]["completed"] == 2
    assert record["window"] == 3600


def test_a_window_shorter_than_the_figures_are_fine_is_refused(run, store):
    assert run("metrics", "--window", "59s").code == 64


def test_prometheus_figures_as_text_and_as_json(run):
    run("enqueue", "true")

    text = run("metrics", "--prometheus").out

    assert '\nqueuectl_jobs{queue="default",state="pending"} 1\n' in text
    (record,) = run("metrics", "--prometheus", "--json").records
    assert record["text"] == text
    assert record["content_type"] == "text/plain; version=0.0.4; charset=utf-8"
