from __future__ import annotations

import os
import signal
import subprocess
import sys

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


def test_a_holder_that_works_is_waited_for_as_ever(gate, other, monkeypatch):
    looked = holder.outwait_stopped

    def look(fd, path):
        looked(fd, path)
        other.stdin.close()

    monkeypatch.setattr(holder, "outwait_stopped", look)

    with gate:
        assert holder.find(gate._fd) == os.getpid()
