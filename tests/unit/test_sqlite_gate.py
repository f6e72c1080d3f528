from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from queuectl_core.errors import StorageBusy
from queuectl_core.storage.sqlite import holder
from queuectl_core.storage.sqlite.gate import Gate

HOLD = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(fd, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "queue.db.gate")


@pytest.fixture
def gate(path):
    made = Gate(path)
    yield made
    made.close()


@pytest.fixture
def other(gate, path):
    """A process that holds the gate until its stdin ends."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=pipe, stdout=pipe) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.send_signal(signal.SIGCONT)
        process.stdin.close()


@pytest.fixture
def few_looks(monkeypatch):
    monkeypatch.setattr(holder, "LOOKS", 2)


def stop(process):
    process.send_signal(signal.SIGSTOP)
    assert os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT).si_pid == process.pid


def test_the_holder_is_known_by_its_pid(gate, other):
    assert holder.find(gate._fd) == other.pid


def test_nobody_holds_a_free_gate(gate):
    assert holder.find(gate._fd) is None


def test_who_comes_behind_a_stopped_holder_is_told_its_pid(gate, other, few_looks):
    stop(other)

    with pytest.raises(StorageBusy, match=f"process {other.pid} is stopped") as caught, gate:
        pass

    assert f"kill -CONT {other.pid}" in caught.value.hint


def test_a_holder_that_goes_on_is_waited_for(gate, other, monkeypatch):
    stop(other)
    looks = []

    def poll(self, timeout_ms):
        looks.append(timeout_ms)
        other.send_signal(signal.SIGCONT)
        other.stdin.close()
        other.wait(20)

    monkeypatch.setattr(holder.select, "poll", type("Poll", (), {"poll": poll}))

    with gate:
        pass

    assert looks == [holder.LOOK_EVERY_MS]


WAIT = """
import sys
from queuectl_core.errors import StorageBusy
from queuectl_core.storage.sqlite import holder
from queuectl_core.storage.sqlite.gate import Gate
holder.LOOKS, holder.ALARM_S = 2, 0.2
gate = Gate(sys.argv[1])
look = holder.outwait_stopped
def looked(fd, path):
    look(fd, path)
    print("looked", flush=True)
holder.outwait_stopped = looked
try:
    with gate:
        print("in", flush=True)
except StorageBusy as error:
    print(error, flush=True)
"""


@pytest.fixture
def waiter(other, path):
    """A process that waits for the gate, and has looked at its holder."""
    line = [sys.executable, "-c", WAIT, path]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "looked\n"
        yield process


def test_who_waits_already_when_the_holder_is_stopped_is_told_its_pid_too(waiter, other):
    stop(other)

    told = [line for line in waiter.stdout if line != "looked\n"]

    assert f"process {other.pid} is stopped" in "".join(told)


def test_who_waits_long_for_a_holder_that_works_waits_on(waiter, other):
    assert waiter.stdout.readline() == "looked\n"  # by the alarm
    other.stdin.close()

    told = [line for line in waiter.stdout if line != "looked\n"]

    assert told == ["in\n"]


def test_another_thread_waits_without_an_alarm(gate):
    usual, caught = signal.getsignal(signal.SIGALRM), []

    def wait():
        with holder.alarm(gate._fd, gate._path):
            caught.append(signal.getsignal(signal.SIGALRM))

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(20)

    assert caught == [usual]


def test_a_holder_that_works_is_waited_for_as_ever(gate, other, monkeypatch):
    looked = holder.outwait_stopped

    def look(fd, path):
        looked(fd, path)
        other.stdin.close()

    monkeypatch.setattr(holder, "outwait_stopped", look)

    with gate:
        assert holder.find(gate._fd) == os.getpid()
