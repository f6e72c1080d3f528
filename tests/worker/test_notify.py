"""What a service manager hears: a real socket, and a real worker where one is needed."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import contextmanager

import pytest

from queuectl_core import home
from queuectl_core.errors import StorageBusy
from queuectl_core.lifecycle import State
from queuectl_core.services import unit
from queuectl_core.worker import environment, notify, pool, supervisor
from queuectl_core.worker.notify import Notifier
from queuectl_core.worker.plan import Plan
from queuectl_core.worker.pool import Pool
from tests.worker.fakes import SETTINGS
from tests.worker.harness import until

PATIENCE_S = 20
QUIET_S = 2.5
"""Longer than a pool's beat and a supervisor's turn take: silence means that nothing more comes."""


class Ear:
    """What systemd binds: a datagram socket, by a path or by a name without a file."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))

    def hear(self, within_s: float = PATIENCE_S) -> list[str]:
        """Return the next message, its lines; TimeoutError when none comes."""
        self._socket.settimeout(within_s)
        return self._socket.recv(4096).decode().split("\n")

    def is_silent(self) -> bool:
        """Tell whether nothing has come."""
        self._socket.setblocking(False)
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@contextmanager
def bound(address):
    ear = Ear(address)
    yield ear
    ear.close()


@pytest.fixture
def ear(tmp_path):
    with bound(str(tmp_path / "notify")) as ear:
        yield ear


def start(bench, ear, **variables):
    return bench.start(env=os.environ | {"NOTIFY_SOCKET": ear.address} | variables)


def notifier(ear, **variables):
    return Notifier({"NOTIFY_SOCKET": ear.address} | variables)


# --- a worker ---


def test_a_worker_is_ready_once_its_pool_works(bench, ear):
    start(bench, ear)

    assert ear.hear() == ["READY=1", "STATUS=2 threads"]
    (row,) = bench.store.workers()
    assert row.alive


def test_a_stop_is_told_with_the_time_that_it_may_take(bench, ear):
    bench.configure(**{"stop-timeout": 100, "kill-grace": 7})
    worker = start(bench, ear)
    ear.hear()

    worker.signal(signal.SIGTERM)

    first, second, third = ear.hear()
    assert (first, second) == ("STOPPING=1", "STATUS=stopping")
    name, _, usec = third.partition("=")
    assert name == "EXTEND_TIMEOUT_USEC"
    assert int(usec) >= (100 + 2 * 7) * 1_000_000
    assert worker.exit_code() == 0
    assert ear.is_silent()


def test_a_second_stop_is_not_told_again(bench, ear):
    bench.enqueue("echo > began; exec sleep 1000")
    worker = start(bench, ear)
    ear.hear()
    bench.file("began")
    worker.signal(signal.SIGTERM)
    assert ear.hear()[0] == "STOPPING=1"

    worker.signal(signal.SIGQUIT)

    assert worker.exit_code() == 0
    assert ear.is_silent()


def test_the_watchdog_is_fed_while_the_pool_moves(bench, ear):
    start(bench, ear, WATCHDOG_USEC="1000000")
    ear.hear()

    assert [ear.hear() for _ in range(2)] == [["WATCHDOG=1"]] * 2


def test_a_pool_that_hangs_is_not_vouched_for(bench, ear):
    start(bench, ear, WATCHDOG_USEC="1000000")
    ear.hear()
    pool = bench.row().pool_pid

    os.kill(pool, signal.SIGSTOP)
    until(lambda: _is_quiet(ear))
    os.kill(pool, signal.SIGCONT)

    assert ear.hear() == ["WATCHDOG=1"]


def _is_quiet(ear):
    try:
        ear.hear(QUIET_S)
    except TimeoutError:
        return True
    return False


def test_a_pool_that_dies_is_told_and_so_is_the_next(bench, ear):
    start(bench, ear)
    ear.hear()

    os.kill(bench.row().pool_pid, signal.SIGKILL)

    assert ear.hear() == ["STATUS=the pool died (signal 9)"]
    assert ear.hear()[0] == "READY=1"


def test_a_job_gets_nothing_of_it(bench, ear):
    start(bench, ear, WATCHDOG_USEC="60000000", WATCHDOG_PID="1")

    bench.ended(bench.enqueue("env > seen"))

    seen = (bench.path / "seen").read_text()
    assert "QUEUECTL_JOB_ID" in seen
    assert "NOTIFY_SOCKET" not in seen
    assert "WATCHDOG" not in seen


def test_a_worker_works_where_nobody_listens(bench, tmp_path):
    bench.start(env=os.environ | {"NOTIFY_SOCKET": str(tmp_path / "nobody")})

    assert bench.ended(bench.enqueue()).state is State.COMPLETED


def test_a_pool_beats_although_its_queue_fails(tmp_path, clock, monkeypatch):
    def busy():
        raise StorageBusy

    tmp_path.chmod(0o700)
    monkeypatch.setattr(pool.worklog, "write_to", lambda _: None)
    heart, pulse = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    plan = Plan(home.Home(str(tmp_path)), str(tmp_path / "queue.db"), SETTINGS, 1, None, False, {})
    made = Pool(plan, control=-1, clock=clock, pulse=pulse)
    for chore in made._chores:
        chore.do = chore.do if chore.do == made._beat else busy

    for _ in range(3):
        clock.advance(pool.TEND_EVERY_MS)
        with pytest.raises(StorageBusy):
            made._turn(set())
        assert notify.has_beaten(heart)

    made._bell.close()
    made._store.close()
    os.close(heart)
    os.close(pulse)


# --- the words ---


def test_a_name_without_a_file_is_understood():
    with bound(f"@queuectl-test-{os.getpid()}") as ear:
        notifier(ear).alive("well", now_ms=0)

        assert ear.hear() == ["READY=1", "STATUS=well"]


def test_ready_is_said_once_and_the_watchdog_fed_four_times_a_span(ear):
    speaker = notifier(ear, WATCHDOG_USEC="40000000", WATCHDOG_PID=str(os.getpid()))

    for now_ms in (0, 9_999, 10_000, 19_999, 20_000):
        speaker.alive("well", now_ms=now_ms)

    assert ear.hear() == ["READY=1", "STATUS=well"]
    assert [ear.hear() for _ in range(2)] == [["WATCHDOG=1"]] * 2
    assert ear.is_silent()


@pytest.mark.parametrize(
    "variables",
    [{}, {"WATCHDOG_USEC": "40000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}],
)
def test_a_watchdog_that_is_not_for_us_gets_nothing(ear, variables, monkeypatch):
    monkeypatch.setattr(os, "getppid", lambda: 2)
    speaker = notifier(ear, **variables)

    speaker.alive("well", now_ms=0)
    speaker.alive("well", now_ms=1_000_000)

    assert ear.hear()[0] == "READY=1"
    assert ear.is_silent()


def test_the_watchdog_of_our_loader_is_ours(ear):
    speaker = notifier(ear, WATCHDOG_USEC="40000000", WATCHDOG_PID=str(os.getppid()))

    speaker.alive("well", now_ms=0)
    speaker.alive("well", now_ms=1_000_000)

    assert [ear.hear()[0] for _ in range(2)] == ["READY=1", "WATCHDOG=1"]


def test_a_ready_that_did_not_get_through_is_said_again(tmp_path):
    address = str(tmp_path / "late")
    speaker = Notifier({"NOTIFY_SOCKET": address})
    speaker.alive("well", now_ms=0)

    with bound(address) as ear:
        speaker.alive("well", now_ms=1)

        assert ear.hear()[0] == "READY=1"


def test_a_pool_that_is_ready_too_late_is_no_news(ear):
    speaker = notifier(ear)
    speaker.stopping(within_ms=1)

    speaker.alive("well", now_ms=0)

    assert ear.hear()[0] == "STOPPING=1"
    assert ear.is_silent()


def test_a_manager_that_does_not_read_stops_nobody(ear):
    speaker = notifier(ear)

    for _ in range(10_000):
        speaker.unready("told to the wall")

    assert ear.hear() == ["STATUS=told to the wall"]


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1234"])
def test_an_address_that_we_do_not_know_is_silence(address):
    speaker = Notifier({"NOTIFY_SOCKET": address})

    speaker.alive("well", now_ms=0)
    speaker.stopping(within_ms=1)


def test_beats_are_counted_once_and_a_full_pipe_is_no_error():
    heart, pulse = os.pipe2(os.O_NONBLOCK)
    assert not notify.has_beaten(heart)

    for _ in range(70_000):
        notify.beat(pulse)

    assert notify.has_beaten(heart)
    while notify.has_beaten(heart):
        pass
    os.close(heart)
    notify.beat(pulse)
    os.close(pulse)


def test_the_environment_of_jobs_is_clean():
    given = dict.fromkeys(notify.VARIABLES, "1") | {"KEPT": "1"}

    assert environment.clean(given) == {"KEPT": "1"}


def test_the_unit_leaves_the_worker_the_time_it_takes(tmp_path):
    settings = home.read_settings(home.Home(str(tmp_path)), {})
    made = unit.Unit("queuectl", False, ("/bin/true",), 1, unit.stop_s(settings))
    (line,) = [line for line in unit.text(made).splitlines() if line.startswith("TimeoutStop")]
    seconds = int(line.partition("=")[2].removesuffix("s"))

    hung_ms = (settings.stop_timeout + 2 * settings.kill_grace) * 1000 + supervisor.LAST_RESORT_MS

    assert seconds * 1000 > hung_ms
