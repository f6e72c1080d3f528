from __future__ import annotations

import os
import signal

import pytest

from queuectl_core import machine
from queuectl_core.worker import supervisor
from queuectl_core.worker.plan import Order
from tests import halves
from tests.builders import new_worker


@pytest.fixture
def here():
    """What a worker on this host, in this boot, says of itself."""
    return {
        "host": machine.host(),
        "pid_space": machine.pid_space(),
        "supervisor_pid": os.getpid(),
    }


@pytest.fixture
def sent(monkeypatch):
    """The signals that would have been sent; nobody gets one."""
    signals: list[int] = []
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda _, number: signals.append(number))
    return signals


def test_without_a_worker_health_and_stop_give_3(run, store):
    for verb in ("health", "stop"):
        done = run("worker", verb)

        assert (done.code, done.out) == (3, "")
        assert "no worker runs" in done.err.lower()
        assert "queuectl worker start" in done.err
    assert run("worker", "list") == (0, "", "no workers\n")


def test_health_tells_how_a_worker_does(run, store, clock):
    store.register(new_worker(threads=3), now_ms=clock.now_ms())
    run("enqueue", "--id", "a", "sleep 9")
    halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
    clock.advance(5_000)

    done = run("worker", "health")

    assert done.code == 0
    assert done.lines[1].split()[:6] == ["1", "ok", "100", "1/3", "all", "5s"]
    assert done.lines[1].endswith("a")


def test_health_json(run, store, clock):
    store.register(new_worker(queues=["mail"]), now_ms=clock.now_ms())

    (record,) = run("worker", "health", "--json").records

    assert record["state"] == "ok"
    assert record["queues"] == ["mail"]
    assert (record["threads"], record["busy"], record["running"]) == (2, 0, [])


def test_a_silent_worker_is_not_well(run, store, clock):
    store.register(new_worker(), now_ms=clock.now_ms())
    clock.advance(30_001)

    assert run("worker", "health").code == 1
    assert "not responding" in run("worker", "list").out
    assert run("worker", "list").code == 0


def test_a_stopping_worker_is_well(run, store, clock):
    worker = store.register(new_worker(), now_ms=clock.now_ms())
    store.heartbeat(worker, stopping=True, now_ms=clock.now_ms())

    done = run("worker", "health")

    assert done.code == 0
    assert "stopping" in done.out


def test_a_dead_worker_is_told(run, open_queue, clock):
    worker = open_queue()
    worker.register(new_worker(), now_ms=clock.now_ms())
    worker.close()

    done = run("worker", "health")

    assert done.code == 1
    assert "dead" in done.out
    assert run("worker", "stop").code == 3


@pytest.fixture
def obeyed(open_queue, clock, here, monkeypatch):
    """The signals that a worker of this host got; it ends at the first one."""
    worker = open_queue()
    worker.register(new_worker(**here), now_ms=clock.now_ms())
    signals: list[int] = []

    def obey(_, number):
        signals.append(number)
        worker.close()

    monkeypatch.setattr(signal, "pidfd_send_signal", obey)
    return signals


@pytest.mark.parametrize(("flags", "number"), [((), signal.SIGTERM), (("--now",), signal.SIGQUIT)])
def test_stop_signals_the_supervisor_and_waits_until_it_is_gone(run, obeyed, flags, number):
    done = run("worker", "stop", *flags)

    assert done == (0, f"Stopped worker 1 (pid {os.getpid()}, up 0s)\n", "")
    assert obeyed == [number]


def test_stop_gives_up_in_time_and_says_what_still_runs(run, store, clock, here, sent):
    store.register(new_worker(**here), now_ms=clock.now_ms())
    run("enqueue", "--id", "long", "sleep 99")
    halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())

    done = run("worker", "stop", "--timeout", "10s")

    assert done.code == 1
    assert "is not gone yet; its jobs: long" in done.err
    assert "--now" in done.err
    assert sent == [signal.SIGTERM]
    assert clock.monotonic_ms() == 10_000


@pytest.mark.parametrize("other", [{"host": "elsewhere"}, {"pid_space": "an earlier boot"}])
def test_stop_never_signals_a_pid_of_another_host_or_boot(run, store, clock, here, sent, other):
    store.register(new_worker(**(here | other)), now_ms=clock.now_ms())

    done = run("worker", "stop")

    assert done.code == 3
    assert "no worker runs on this host" in done.err
    assert sent == []


def test_start_hands_all_to_the_supervisor(run, monkeypatch, home, tmp_path):
    asked = {}

    def take(**arguments):
        asked.update(arguments)
        return 0

    monkeypatch.setattr(supervisor, "run", take)

    done = run(*"worker start --count 4 --queue b --queue a --queue b --drain".split())

    assert done.code == 0
    assert asked["order"] == Order(threads=4, queues=("b", "a"), drain=True)
    assert asked["db_path"] == str(home / "queue.db")
    assert asked["settings"].max_retries == 3


def test_start_takes_one_thread_and_all_queues_unless_told(run, monkeypatch):
    asked = {}
    monkeypatch.setattr(supervisor, "run", lambda **arguments: asked.update(arguments) or 5)

    assert run("worker", "start").code == 5
    assert asked["order"] == Order()


@pytest.mark.parametrize("count", ["0", "-1", "many", "1001", "1.5"])
def test_start_refuses_a_count_that_is_none(run, count):
    assert run("worker", "start", "--count", count).code == 64


def test_start_takes_limits_and_a_name(run, monkeypatch):
    asked = {}
    monkeypatch.setattr(supervisor, "run", lambda **arguments: asked.update(arguments) or 0)

    run(*"worker start --queue mail=2 --queue thumbs --max-jobs 9 --name web1".split())

    assert asked["order"] == Order(
        queues=("mail", "thumbs"), at_most={"mail": 2}, max_jobs=9, name="web1"
    )


@pytest.mark.parametrize("queue", ["mail=", "mail=0", "mail=x", "mail=1001", "=2"])
def test_start_refuses_a_limit_that_is_none(run, queue):
    assert run("worker", "start", "--queue", queue).code in {64, 65}


def test_list_and_its_record_show_the_name(run, store, clock):
    store.register(new_worker(name="web1"), now_ms=clock.now_ms())

    assert run("worker", "list").lines[1].startswith("1 (web1)  ")
    assert run("worker", "list", "--json").records[0]["name"] == "web1"


def test_start_refuses_a_queue_that_is_no_name(run):
    assert run("worker", "start", "--queue", "a b").code == 65


def test_stop_tells_of_workers_elsewhere(run, store, obeyed, here, clock):
    store.register(new_worker(**(here | {"host": "far"})), now_ms=clock.now_ms())

    done = run("worker", "stop", "--json")

    assert done.code == 0
    assert done.records == [{"id": 1, "pid": os.getpid(), "state": "stopped"}]
    assert "worker 2 runs on far; stop it there" in done.err


def test_stop_without_pidfd_signals_the_pid(run, obeyed, monkeypatch):
    obey = signal.pidfd_send_signal
    monkeypatch.delattr(os, "pidfd_open")
    monkeypatch.setattr(os, "kill", lambda _, number: obey(None, number))

    assert run("worker", "stop").code == 0
    assert obeyed == [signal.SIGTERM]


@pytest.mark.parametrize(("error", "code"), [(ProcessLookupError, 1), (PermissionError, 77)])
def test_a_signal_that_is_refused(run, obeyed, monkeypatch, error, code):
    def refuse(*_):
        raise error

    monkeypatch.setattr(signal, "pidfd_send_signal", refuse)

    assert run("worker", "stop", "--timeout", "1").code == code


def test_stop_of_a_process_that_is_gone_signals_nobody(run, store, here, clock, monkeypatch, sent):
    def gone(_):
        raise ProcessLookupError

    store.register(new_worker(**here), now_ms=clock.now_ms())
    monkeypatch.setattr(os, "pidfd_open", gone)

    assert run("worker", "stop", "--timeout", "1").code == 1
    assert sent == []


def test_health_judges_a_heartbeat_by_the_age_given(run, store, clock):
    store.register(new_worker(), now_ms=clock.now_ms())
    clock.advance(20_000)

    assert run("worker", "health").code == 0
    done = run("worker", "health", "--max-age", "10s")

    assert done.code == 1
    assert "not responding" in done.out
