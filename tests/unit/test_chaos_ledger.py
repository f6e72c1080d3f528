"""The judge of scripts/chaos: an innocent run passes, and each kind of violation is caught."""

from __future__ import annotations

import os
import subprocess

import pytest

from scripts.chaos_ledger import Asked, Kept, Line, judge, parse, traced, waits

ASKED = Asked(acknowledged=frozenset(("a", "b")))
KEPT = {"a": Kept("completed", 1), "b": Kept("completed", 2)}
LEDGER = """\
start a 1 11 100.00
start b 1 12 100.01
end a 1 11 100.05
start b 2 13 101.50
end b 2 13 101.55
"""


def judged(ledger=LEDGER, asked=ASKED, kept=KEPT, **options):
    return judge(parse(ledger), asked, kept, **options)


def test_a_run_that_keeps_the_promises_has_no_violation():
    assert judged(seen_completed={"a": 100.06}) == {}


def test_an_end_whose_record_was_cut_off_may_be_followed_by_another_run():
    assert judged(LEDGER.replace("start b 2", "end b 1 12 100.90\nstart b 2")) == {}


def test_a_job_that_was_cut_off_while_it_was_added_may_exist_or_not():
    asked = Asked(ASKED.acknowledged, unsure=frozenset(("c", "d")))
    ledger = LEDGER + "start c 1 14 102.0\nend c 1 14 102.1\n"

    assert judged(ledger, asked, KEPT | {"c": Kept("completed", 1)}) == {}


def test_an_acknowledged_job_that_never_ended_is_lost():
    ledger = LEDGER.replace("end a 1 11 100.05\n", "")

    assert judged(ledger, kept=KEPT | {"a": Kept("pending", 1)}) == {
        "lost": ["a"],
        "not final": ["a"],
    }


def test_an_acknowledged_job_that_the_queue_forgot_is_lost():
    assert judged(kept={"b": KEPT["b"]}) == {"lost": ["a"]}


def test_a_job_that_nobody_asked_for_is_a_phantom():
    assert judged(LEDGER + "start x 1 99 102.0\n") == {"phantom": ["x"]}
    assert judged(kept=KEPT | {"y": Kept("cancelled", 0)}) == {"phantom": ["y"]}


def test_the_same_attempt_may_not_start_twice():
    assert judged(LEDGER.replace("end a", "start a 1 15 100.02\nend a")) == {
        "same attempt started twice": ["a"]
    }


def test_a_start_after_the_client_saw_the_job_completed_is_caught():
    assert judged(seen_completed={"b": 101.0}) == {"run after completed": ["b"]}


def test_an_attempt_beyond_the_completed_one_is_caught():
    ledger = LEDGER + "start a 2 16 103.0\n"

    assert judged(ledger) == {
        "run after completed": ["a"],
        "more starts than the queue counts": ["a"],
    }


def test_an_attempt_that_goes_on_beside_its_successor_is_caught():
    assert judged(LEDGER + "end b 1 12 101.60\n") == {"overlapping attempts": ["b"]}


def test_a_completed_job_without_an_end_is_caught():
    ledger = LEDGER.replace("end b 2", "end b 1")

    found = judged(ledger)

    assert found["completed without an end"] == ["b"]


@pytest.mark.parametrize("state", ["pending", "processing", "failed"])
def test_a_job_that_is_still_on_its_way_when_all_is_done_is_caught(state):
    assert judged(kept=KEPT | {"a": Kept(state, 1)}) == {"not final": ["a"]}


def test_a_dead_job_must_be_meant_to_die_or_have_met_three_crashes():
    ledger = LEDGER.replace("end a 1 11 100.05\n", "start a 2 17 100.3\nstart a 3 18 100.6\n")
    doomed = Asked(ASKED.acknowledged, doomed=frozenset("a"))

    assert judged(ledger, kept=KEPT | {"a": Kept("dead", 3, "exit")}) == {
        "dead without a cause": ["a"]
    }
    assert judged(ledger, doomed, KEPT | {"a": Kept("dead", 3, "exit")}) == {}
    assert judged(ledger, kept=KEPT | {"a": Kept("dead", 3, "poison")}) == {}


def test_poison_after_fewer_than_three_crashes_is_caught():
    ledger = LEDGER.replace("end a 1 11 100.05\n", "")

    assert judged(ledger, kept=KEPT | {"a": Kept("dead", 1, "poison")}) == {
        "dead without a cause": ["a"]
    }


def test_a_line_that_no_job_wrote_is_refused():
    with pytest.raises(ValueError, match="began"):
        parse("began a 1 11 100.0")


def test_the_wait_for_a_restart_counts_from_the_kill_to_the_next_attempt():
    lines = parse(LEDGER)

    assert waits(lines, [12], 100.5) == [pytest.approx(1.0)]
    assert waits(lines, [11, 13, 4711], 100.5) == []


def test_a_run_that_ended_after_its_worker_died_waited_too():
    ledger = LEDGER.replace("start b 2", "end b 1 12 100.60\nstart b 2")

    assert waits(parse(ledger), [12], 100.5) == [pytest.approx(1.0)]
    assert waits(parse(ledger), [12], 100.7) == []


def test_a_traced_job_writes_its_start_and_its_end(tmp_path):
    ledger = tmp_path / "ledger"
    env = {"QUEUECTL_JOB_ID": "j", "QUEUECTL_ATTEMPT": "2", "PATH": os.defpath}

    for body in ("true", "false"):
        subprocess.run(["/bin/sh", "-c", traced(str(ledger), body)], env=env, check=False)

    lines = parse(ledger.read_text())
    assert [(line.what, line.job, line.attempt) for line in lines] == [
        ("start", "j", 2),
        ("end", "j", 2),
        ("start", "j", 2),
    ]
    assert lines[0] == Line("start", "j", 2, lines[1].pid, lines[0].at_s)
