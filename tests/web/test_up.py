"""`queuectl up`: a worker and the dashboard in one tree of processes."""

from __future__ import annotations

import os
import signal

import pytest

from tests.web.test_server import DEADLINE_S, environment, get, run, start

__all__ = ["environment", "run", "start"]


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return [int(word) for word in file.read().split()]


@pytest.fixture
def up(start):
    """Start it at a free port; return the process and what it said."""
    return lambda *words: start("--web", "127.0.0.1:0", *words, verb="up")


def test_jobs_run_and_pages_come(up, run):
    process, said = up("--count", "2")
    run("enqueue", "--id", "one", "true")

    assert run("wait", "one").returncode == 0
    assert get(said, "/livez/worker")[1] == b"ok\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 0


def test_it_ends_when_nothing_is_left_to_do(up):
    assert up("--drain")[0].wait(DEADLINE_S) == 0


def test_a_dashboard_that_dies_is_started_again_behind_the_same_door(up):
    process, said = up()
    get(said, "/healthz")
    web = max(children_of(process.pid))  # the worker was the first
    os.kill(web, signal.SIGKILL)

    _, body = get(said, "/healthz")  # waits at the door until somebody is in

    assert body == b"ok\n"
    assert web not in children_of(process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_end_together(up, number):
    process, said = up()
    get(said, "/healthz")
    family = children_of(process.pid)

    process.send_signal(number)

    assert process.wait(DEADLINE_S) == 0
    assert len(family) == 2
    assert not any(os.path.exists(f"/proc/{pid}") for pid in family)


def test_what_is_wrong_with_the_dashboard_is_said_before_a_job_runs(run):
    run("enqueue", "--id", "one", "true")

    for where in ("x", "127.0.0.1:x", "127.0.0.1:99999", ":5000"):
        assert run("up", "--drain", "--web", where).returncode == 64
    assert run("up", "--drain", "--web", "0.0.0.0:0").returncode == 77
    assert run("worker", "start", "--drain", "--web", "192.0.2.1:80").returncode == 77
    assert '"state":"pending"' in run("show", "one", "--json").stdout
