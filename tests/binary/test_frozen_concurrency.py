"""Many at once: nobody gets an error, no job is lost, none runs twice."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.binary.sandbox import eventually

pytestmark = pytest.mark.binary

LOOPS, JOBS = 8, 25


def test_eight_loops_of_enqueues_against_four_threads(sandbox):
    worker = sandbox.start_worker("--count", "4")
    loop = (
        f"for n in $(seq {JOBS}); do"
        ' "$QUEUECTL" enqueue -q --id "$LOOP-$n" \'echo "$QUEUECTL_JOB_ID" >>ledger\' || exit;'
        " done"
    )

    with ThreadPoolExecutor(LOOPS) as threads:
        loops = list(
            threads.map(lambda n: sandbox.shell(loop, env={"LOOP": f"loop{n}"}), range(LOOPS))
        )

    wanted = {f"loop{loop}-{job}" for loop in range(LOOPS) for job in range(1, JOBS + 1)}
    assert [done for done in loops if done.code or done.err] == []
    assert {name for done in loops for name in done.lines} == wanted
    eventually(lambda: sandbox.ok("status", "--json").record["completed"] == len(wanted))
    assert Counter((sandbox.root / "ledger").read_text().split()) == Counter(wanted)
    assert {job["attempts"] for job in sandbox.ok("list", "--json").records} == {1}
    assert worker.process.poll() is None


@pytest.mark.parametrize("home", range(3))
def test_eight_enqueues_of_one_id_into_a_new_home_add_one_job(sandbox, home):
    def enqueue(number):
        return sandbox.run("enqueue", "--id", "one", "--on-conflict", "skip", f"echo {number}")

    with ThreadPoolExecutor(8) as threads:
        ends = list(threads.map(enqueue, range(8)))

    assert [done for done in ends if done.code or done.err] == []
    assert sum("Enqueued" in done.out for done in ends) == 1
    assert len(sandbox.ok("list", "--json").records) == 1


def test_workers_that_start_together_make_one_queue(sandbox):
    workers = [sandbox.launch_worker() for _ in range(3)]
    for worker in workers:
        worker.await_registered()
    rows = sandbox.ok("worker", "list", "--json").records

    assert sorted(row["id"] for row in rows) == [1, 2, 3]
    assert sandbox.ok("worker", "stop").out.count("Stopped worker") == 3
    assert [worker.await_end() for worker in workers] == [0, 0, 0]
