from __future__ import annotations

import pytest

from tests import halves
from tests.builders import NOW_MS

MAIL = ("--queue", "mail", "--", "true", "x")


def lines(count):
    return b"".join(b"echo %d\n" % number for number in range(count))


def test_limits_are_set_shown_and_taken_away(run):
    done = run("queue", "set", "mail", "--concurrency", "2", "--rate", "30/15m")

    assert done.out == "Queue mail: concurrency 2, rate 30/15m\n"
    run("queue", "set", "mail", "--max-pending", "7", "--concurrency", "none")
    (row,) = run("queue", "list", "--json").records
    assert (row["queue"], row["concurrency"], row["rate"], row["max_pending"]) == (
        "mail", None, "30/15m", 7,
    )  # fmt: skip
    assert run("queue", "set", "mail", "--rate", "none", "--max-pending", "none").out == (
        "Queue mail: no limits\n"
    )


def test_the_list_counts_and_says_what_holds_a_queue_up(run):
    for _ in range(2):
        run("enqueue", *MAIL)
    run("queue", "pause", "mail")

    lines = run("queue", "list").out.splitlines()

    assert lines[0].split() == [
        "QUEUE", "PENDING", "FAILED", "RUNNING", "CONCURRENCY", "RATE", "MAX-PENDING", "WAITS",
    ]  # fmt: skip
    assert lines[1].split() == ["mail", "2", "0", "0", "-", "-", "-", "paused"]


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--concurrency", "0", 65),
        ("--concurrency", "many", 65),
        ("--rate", "10", 65),
        ("--rate", "0/m", 65),
        ("--rate", "10/fortnight", 65),
        ("--rate", "1/100d", 65),
        ("--rate", "999999999/m", 65),
        ("--max-pending", "-1", 65),
    ],
)
def test_a_wrong_limit_is_refused_with_what_fits(run, option, value, code):
    done = run("queue", "set", "mail", f"{option}={value}")

    assert (done.code, done.out) == (code, "")
    assert option in done.err
    assert run("queue", "list", "--json").records == []


def test_nothing_to_set_is_a_usage_error(run):
    assert run("queue", "set", "mail").code == 64


def test_enqueue_into_a_full_queue_says_what_to_do(run):
    run("queue", "set", "mail", "--max-pending", "1")
    run("enqueue", *MAIL)

    done = run("enqueue", *MAIL)

    assert done.code == 75
    assert "queue mail is full: 1 pending, its limit is 1" in done.err
    assert "queuectl queue set mail --max-pending N" in done.err


def test_a_stream_keeps_what_fits_and_names_the_line_that_did_not(run):
    run("queue", "set", "mail", "--max-pending", "3")

    done = run("enqueue", "--queue", "mail", "--stdin", stdin=lines(500))

    assert (done.code, done.out) == (75, "Enqueued 3 jobs\n")
    assert done.err.count("is full") == 1
    assert "line 4:" in done.err


def test_an_atomic_stream_that_does_not_fit_adds_nothing(run):
    run("queue", "set", "mail", "--max-pending", "3")

    done = run("enqueue", "--queue", "mail", "--stdin", "--atomic", stdin=lines(4))

    assert done.code == 75
    assert run("list", "--json").records == []


def test_a_drain_closes_the_queue_and_tells_what_is_left(run):
    run("enqueue", *MAIL)

    done = run("queue", "drain", "mail", "--timeout", "0")

    assert done.code == 124
    assert "not ended in queue mail: 1 job" in done.err
    assert run("enqueue", *MAIL).code == 75
    assert run("queue", "resume", "mail").out == "Resumed queue mail\n"
    assert run("enqueue", *MAIL).code == 0


def test_an_empty_queue_is_drained_at_once(run):
    done = run("queue", "drain", "mail")

    assert (done.code, done.out) == (
        0, "Drained queue mail; it takes no jobs until: queuectl queue resume mail\n"
    )  # fmt: skip
    (row,) = run("queue", "list", "--json").records
    assert row["draining"]["by"]


def test_why_names_the_limit_and_who_holds_it(run, store):
    run("queue", "set", "mail", "--concurrency", "1")
    for name in ("one", "two"):
        run("enqueue", "--id", name, *MAIL)
    halves.claim(store, worker=1, limit=9, now_ms=NOW_MS)

    (why,) = run("why", "--json", "two").records

    assert why["why"] == "concurrency"
    assert "runs 1 of 1 jobs at once" in why["text"]


def test_why_tells_when_the_rate_lets_a_job_start(run, store):
    run("queue", "set", "mail", "--rate", "1/h")
    for name in ("one", "two"):
        run("enqueue", "--id", name, *MAIL)
    halves.claim(store, worker=1, limit=9, now_ms=NOW_MS)

    (why,) = run("why", "--json", "two").records

    assert (why["why"], why["at"]) == ("rate", "2023-11-14T23:13:20+00:00")


def test_metrics_show_the_limits(run):
    run("queue", "set", "mail", "--concurrency", "4", "--rate", "30/m", "--max-pending", "9")
    run("queue", "pause", "mail")

    text = run("metrics", "--prometheus").out

    assert 'queuectl_queue_concurrency_limit{queue="mail"} 4\n' in text
    assert 'queuectl_queue_rate_limit_per_second{queue="mail"} 0.5\n' in text
    assert 'queuectl_queue_max_pending{queue="mail"} 9\n' in text
    assert 'queuectl_queue_paused{queue="mail"} 1\n' in text
