"""wait: what it takes and how it ends. The polling itself: tests/services/test_polling.py."""

from __future__ import annotations

import pytest

from tests import halves
from tests.builders import buried, completed


@pytest.mark.parametrize(
    "words",
    [(), ("1", "--all"), ("1", "--queue", "mail"), ("--all", "--drained"), ("1", "--drained")],
)
def test_wait_wants_to_be_told_what_for_in_one_way(run, store, words):
    run("enqueue", "true")

    assert run("wait", *words).code == 64


def test_wait_for_all_is_over_when_nothing_waits(run, store):
    done = run("wait", "--all")

    assert (done.code, done.err) == (0, "queuectl: nothing waits or runs\n")


def test_wait_for_a_queue_gives_up_with_the_names(run):
    for name in ("a", "b"):
        run("enqueue", "--queue", "mail", "--id", name, "true")
    run("enqueue", "--id", "other", "true")

    done = run("wait", "--queue", "mail", "--timeout", "1s")

    assert done.code == 124
    assert done.err == "queuectl: the time is over; not ended: a, b\n"


def test_of_many_that_did_not_end_some_are_named(run):
    run("enqueue", "--stdin", stdin=b"true\n" * 11)

    done = run("wait", "--all", "--timeout", "1s")

    assert done.err.endswith("not ended: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 1 more job\n")


def test_wait_until_drained_does_not_judge(run, dead_job):
    dead_job("lost")

    assert run("wait", "--drained") == (0, "", "")
    run("enqueue", "true")
    assert run("wait", "--drained", "--timeout", "1s").code == 124


@pytest.mark.parametrize(("option", "code"), [("--any", 0), ("--propagate", 125)])
def test_a_job_that_was_pruned_meanwhile_had_ended_who_knows_how(run, store, clock, option, code):
    run("enqueue", "true")

    def pruned(_span_ms):
        (claim,) = halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
        halves.finish(store, [completed(claim)], now_ms=clock.now_ms())
        assert store.prune(before_ms=None, keep=0, limit=9, now_ms=clock.now_ms()).jobs

    clock.pause = pruned

    assert run("wait", "1", option) == (code, "", "")


def test_wait_propagates_the_code_of_the_first_that_failed(run, ended):
    for name, how, fields in (
        ("good", completed, {}),
        ("three", buried, {"exit_code": 3}),
        ("killed", buried, {"exit_code": None, "signal": 9, "reason": "signal"}),
    ):
        run("enqueue", "--id", name, "true")
        ended(how, **fields)

    assert run("wait", "--propagate", "good").code == 0
    assert run("wait", "--propagate", "good", "three", "killed").code == 3
    assert run("wait", "--propagate", "killed", "three").code == 137
    assert run("wait", "--propagate", "--any", "good", "three").code == 0
