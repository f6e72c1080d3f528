from __future__ import annotations

import errno
import os
import resource
import signal
import threading
from itertools import count

import pytest

from queuectl_core import joblog
from queuectl_core.clock import SystemClock
from queuectl_core.run import Ending
from queuectl_core.worker import executor, processes, spawner
from queuectl_core.worker.executor import Command, Stopper
from queuectl_core.worker.shortage import NotStarted, Shortage
from tests.worker.harness import is_running, pid_in, run_in_fresh_process

EXECUTOR = executor.Executor({}, Shortage(SystemClock()))
TOKENS = count(-os.getpid() * 1_000)


def own_executor():
    """Return one whose shortages harm no other test."""
    return executor.Executor({}, Shortage(SystemClock()))


@pytest.fixture
def stopper():
    made = Stopper()
    yield made
    made.close()


@pytest.fixture
def log(tmp_path):
    made = joblog.JobLogWriter(str(tmp_path / "log"), head_bytes=1 << 20, tail_bytes=1 << 20)
    yield made
    made.close()


@pytest.fixture
def run(tmp_path, log, stopper):
    """Run a shell line, or `argv`, to its end; return the outcome."""

    def run(line="", **fields):
        return EXECUTOR.run(command(line, cwd=str(tmp_path), **fields), log, stopper, SystemClock())

    return run


def command(line="", **fields):
    token = next(TOKENS)
    env = dict(os.environ) | {processes.TOKEN_VARIABLE: str(token)} | fields.pop("env", {})
    usual = {
        "argv": ("/bin/sh", "-c", line),
        "cwd": None,
        "env": env,
        "token": token,
        "timeout_ms": 0,
        "grace_ms": 10_000,
    }
    return Command(**(usual | fields))


def output(log, stream=joblog.STDOUT):
    log.close()
    chunks = joblog.read_chunks(log._paths[0])
    return b"".join(chunk.data for chunk in chunks if chunk.stream == stream)


class Background:
    """A run in a thread, for tests that act meanwhile."""

    def __init__(self, made, log, stopper):
        self.outcome = None
        self._thread = threading.Thread(target=self._run, args=(made, log, stopper))
        self._thread.start()

    def _run(self, made, log, stopper):
        self.outcome = EXECUTOR.run(made, log, stopper, SystemClock())

    def result(self):
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.outcome


# --- exits and signals ---


@pytest.mark.parametrize("code", [0, 1, 70, 126, 127, 255])
def test_the_exit_code_is_the_shells(run, code):
    outcome = run(f"exit {code}")

    assert outcome.ending is Ending.EXIT
    assert (outcome.exit_code, outcome.signal) == (code, None)
    assert outcome.error == (f"exit code {code}" if code else None)


@pytest.mark.parametrize(
    ("number", "name"),
    [(signal.SIGKILL, "SIGKILL"), (signal.SIGSEGV, "SIGSEGV"), (34, "SIGRTMIN"), (40, "signal 40")],
)
def test_a_death_by_signal_is_told_by_its_name(run, number, name):
    outcome = run(f"ulimit -c 0; kill -{int(number)} $$")

    assert outcome.ending is Ending.SIGNAL
    assert (outcome.exit_code, outcome.signal) == (None, number)
    assert outcome.error == f"killed by {name}"


def test_the_error_is_the_last_line_of_stderr(run):
    outcome = run("echo first >&2; echo 'no such table: users' >&2; exit 3")

    assert outcome.error == "no such table: users"


def test_cpu_time_is_that_of_the_job_and_its_children(run):
    outcome = run("sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'; :")

    assert 20 <= outcome.cpu_ms <= outcome.duration_ms * 2


def test_peak_memory_is_that_of_the_job(run):
    own_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    large = run(f"dd if=/dev/zero of=/dev/null bs={own_bytes + (16 << 20)} count=1")
    small = run("true")

    assert own_bytes + (16 << 20) <= large.max_rss_bytes < own_bytes + (32 << 20)
    assert small.max_rss_bytes is None  # not ours, which the kernel says it has


# --- output ---


def test_streams_are_kept_apart_and_in_order(run, log):
    outcome = run("echo 1; echo a >&2; echo 2; echo b >&2")

    assert outcome.output_bytes == 8
    assert output(log) == b"1\n2\n"
    assert output(log, joblog.STDERR) == b"a\nb\n"


def test_output_is_bytes(run, log):
    run("printf '\\000\\377\\r\\n\\033'")

    assert output(log) == b"\0\xff\r\n\x1b"


def test_64_mib_of_binary_output_are_counted_and_kept_under_the_cap(run, log):
    outcome = run("head -c 67108864 /dev/urandom")

    assert outcome.exit_code == 0
    assert outcome.output_bytes == 64 << 20
    assert log.failed is None
    assert sum(os.path.getsize(path) for path in log._paths) < 4 << 20


def test_what_the_pipes_still_hold_at_the_end_is_kept(run, log):
    run("head -c 60000 /dev/zero; head -c 60000 /dev/zero >&2")

    assert len(output(log)) == 60_000
    assert len(output(log, joblog.STDERR)) == 60_000


def test_a_full_log_disk_does_not_harm_the_job(run, log):
    log._paths = ("/dev/full",) * 3
    log._segment, log._room_bytes = 0, 1 << 20
    log._fd = os.open("/dev/full", os.O_WRONLY | os.O_CLOEXEC)

    outcome = run("echo lost; echo why >&2; exit 4")

    assert (outcome.exit_code, outcome.error, outcome.output_bytes) == (4, "why", 9)
    assert log.failed == os.strerror(errno.ENOSPC)


# --- starts that fail ---


def test_a_nul_in_the_command_is_a_failed_job(run):
    outcome = run("echo \0")

    assert (outcome.ending, outcome.exit_code) == (Ending.EXIT, 126)
    assert "null byte" in outcome.error


@pytest.mark.parametrize("env", [{"A": "\0"}, {"A\0": ""}, {"A=B": "c"}, {"A": "\ud800"}])
def test_an_environment_that_exec_cannot_take_is_a_failed_job(run, env):
    outcome = run("true", env=env)

    assert (outcome.ending, outcome.exit_code) == (Ending.EXIT, 126)
    assert outcome.error.startswith("can't start: ")


def test_a_missing_working_directory_is_named(run, stopper, log):
    missing = EXECUTOR.run(command("true", cwd="/no/where"), log, stopper, SystemClock())
    for_program = EXECUTOR.run(command(argv=("nope",), cwd="/tmp"), log, stopper, SystemClock())

    assert missing.exit_code == 126
    assert missing.error == "can't enter the working directory /no/where: No such file or directory"
    assert for_program.error == "no such program: nope"


def test_no_such_program_is_127(run):
    outcome = run(argv=("no-such-program-anywhere", "x"))

    assert (outcome.exit_code, outcome.error) == (127, "no such program: no-such-program-anywhere")


def test_a_file_that_is_not_executable_is_126(run, tmp_path):
    path = tmp_path / "script"
    path.write_text("exit 0\n")
    path.chmod(0o600)

    outcome = run(argv=(str(path),))

    assert (outcome.exit_code, outcome.error) == (126, f"can't start {path}: Permission denied")


def test_words_that_exec_refuses_as_too_long_are_126(run):
    outcome = run("#" + "x" * 131_072)

    assert outcome.exit_code == 126
    assert outcome.error == "can't start /bin/sh: Argument list too long"


@pytest.mark.parametrize("left", [0, 1, 3])
def test_no_descriptor_left_is_told_as_such(log, stopper, left):
    short = own_executor()
    spare = os.open("/dev/null", os.O_RDONLY)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 1 + left, hard))
    try:
        with pytest.raises(NotStarted, match=r"open files \(ulimit -n\)"):
            short.run(command("true"), log, stopper, SystemClock())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(spare)


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM])
def test_no_process_or_memory_left_is_not_the_jobs_failure(log, stopper, monkeypatch, number):
    short = Shortage(SystemClock())
    monkeypatch.setattr(spawner, "_posix_spawn", lambda *_: number)

    with pytest.raises(NotStarted):
        executor.Executor({}, short).run(command("true"), log, stopper, SystemClock())

    assert short.admits == 0


def test_a_start_that_goes_well_ends_a_shortage(log, stopper):
    short = Shortage(SystemClock())
    short.admits = 1

    executor.Executor({}, short).run(command("true"), log, stopper, SystemClock())

    assert short.admits is None


def test_a_job_that_can_not_be_watched_is_killed_and_given_back(
    log, stopper, tmp_path, monkeypatch
):
    short = Shortage(SystemClock())
    real = os.pidfd_open
    refusals = [OSError(errno.EMFILE, os.strerror(errno.EMFILE))]

    def pidfd_open(pid):
        if refusals:
            raise refusals.pop()
        return real(pid)

    monkeypatch.setattr(os, "pidfd_open", pidfd_open)
    made = command("exec sleep 1000", cwd=str(tmp_path))

    outcome = executor.Executor({}, short).run(made, log, stopper, SystemClock())

    assert outcome.ending is Ending.RELEASED
    assert outcome.error == "killed at its start: too few open files (ulimit -n)"
    assert list(processes.with_token([made.token])) == []
    assert short.admits == 0


def test_no_descriptor_is_left_open(run):
    run("true")
    before = os.listdir("/proc/self/fd")

    run("true")
    run(argv=("no-such-program-anywhere",))
    run("exec sleep 1000", timeout_ms=20)

    assert os.listdir("/proc/self/fd") == before


def test_a_bug_of_ours_leaves_nothing_running(tmp_path, log, stopper, monkeypatch):
    def broken(*_):
        raise MemoryError

    monkeypatch.setattr(log, "write", broken)
    made = command(f"echo $$ > {tmp_path}/pid; echo x; exec sleep 1000")

    with pytest.raises(MemoryError):
        EXECUTOR.run(made, log, stopper, SystemClock())

    assert not is_running(pid_in(tmp_path / "pid"))


# --- timeouts ---


def test_a_timeout_ends_the_job_by_term(run):
    outcome = run("exec sleep 1000", timeout_ms=50)

    assert (outcome.ending, outcome.signal) == (Ending.TIMEOUT, signal.SIGTERM)
    assert outcome.error == "timed out after 0.05 s"


def test_a_job_may_tidy_up_after_term(run, log):
    outcome = run("trap 'echo tidied; exit 7' TERM; while :; do sleep 0.01; done", timeout_ms=100)

    assert (outcome.ending, outcome.exit_code) == (Ending.TIMEOUT, 7)
    assert output(log) == b"tidied\n"


def test_term_ignored_means_kill_after_the_grace(run):
    outcome = run("trap '' TERM; while :; do sleep 1; done", timeout_ms=50, grace_ms=100)

    assert (outcome.ending, outcome.signal) == (Ending.TIMEOUT, signal.SIGKILL)
    assert 150 <= outcome.duration_ms < 5_000


def test_a_stopped_job_hears_its_timeout(run):
    outcome = run("kill -STOP $$; exit 0", timeout_ms=50)

    assert (outcome.ending, outcome.signal) == (Ending.TIMEOUT, signal.SIGTERM)


def test_a_timeout_of_a_year_is_no_trouble(run):
    outcome = run("exit 5", timeout_ms=366 * 24 * 3600 * 1000)

    assert outcome.exit_code == 5


# --- wishes ---


@pytest.mark.parametrize("ending", [Ending.CANCELLED, Ending.RELEASED])
def test_a_wish_from_another_thread_ends_the_run(log, stopper, tmp_path, ending):
    made = command(f"echo $$ > {tmp_path}/pid; exec sleep 1000")
    running = Background(made, log, stopper)
    pid_in(tmp_path / "pid")

    stopper.stop(made.token, ending)

    outcome = running.result()
    assert (outcome.ending, outcome.signal) == (ending, signal.SIGTERM)
    assert outcome.error is None


def test_a_wish_that_came_before_the_start_is_heeded(log, stopper):
    made = command("exec sleep 1000")
    stopper.stop(made.token, Ending.RELEASED)

    outcome = EXECUTOR.run(made, log, stopper, SystemClock())

    assert outcome.ending is Ending.RELEASED


def test_a_late_wish_for_the_last_run_is_ignored(run, log, stopper):
    last = command("true")
    EXECUTOR.run(last, log, stopper, SystemClock())
    stopper.stop(last.token, Ending.CANCELLED)

    outcome = run("sleep 0.1; exit 9")

    assert (outcome.ending, outcome.exit_code) == (Ending.EXIT, 9)


def test_a_late_wish_does_not_take_the_place_of_one_for_this_run(log, stopper):
    made = command("exec sleep 1000")
    stopper.stop(made.token, Ending.RELEASED)
    stopper.stop(next(TOKENS), Ending.CANCELLED)

    outcome = EXECUTOR.run(made, log, stopper, SystemClock())

    assert outcome.ending is Ending.RELEASED


def test_more_wishes_than_the_pipe_holds_do_not_block(stopper):
    for _ in range(70_000):
        stopper.stop(1, Ending.CANCELLED)

    assert stopper.wish_for(1) is Ending.CANCELLED
    assert stopper.wish_for(1) is None


# --- what a job sees ---


def test_stdin_is_empty(tmp_path):
    ((answer,),) = run_in_fresh_process(
        [[job("readlink /proc/self/fd/0; cat; echo end", tmp_path)]]
    )

    assert answer["stdout"] == "/dev/null\nend\n"


def test_a_job_leads_a_session_and_a_group_of_its_own(run, log):
    run("echo $$; ps -o pgid=,sid= -p $$ || cut -d' ' -f5,6 /proc/$$/stat")

    pid, *groups = output(log).split()
    assert groups == [pid, pid]


def test_a_job_bears_its_token(log, stopper):
    made = command("echo $QUEUECTL_TOKEN")

    EXECUTOR.run(made, log, stopper, SystemClock())

    assert int(output(log)) == made.token


def test_a_job_inherits_neither_files_nor_signals_of_a_careless_parent(tmp_path):
    # no shell: it would set its own mask
    files = job("", tmp_path, argv=("ls", "/proc/self/fd"))
    signals = job("", tmp_path, argv=("cat", "/proc/self/status"))

    ((first, second),) = run_in_fresh_process([[files, signals]], hostile=True)

    words = second["stdout"].split()
    assert first["stdout"].split() == ["0", "1", "2", "3"]  # 3 is the directory that ls reads
    masks = [words[words.index(f"Sig{kind}:") + 1] for kind in ("Blk", "Ign", "Cgt")]
    # 32 and 33 are the C library's own: it keeps them ignored over a posix_spawn
    assert [int(mask, 16) & ~(3 << 31) for mask in masks] == [0, 0, 0]


# --- what a job leaves, in a process that is a subreaper as the pool is ---


def job(line, tmp_path, **fields):
    return {"command": line, "cwd": str(tmp_path), "token": next(TOKENS)} | fields


LEFT = {
    "background child": "sleep 1000 & echo $! > pid",
    "stopped background child": "sleep 1000 & kill -STOP $!; echo $! > pid",
    "background child, ignores TERM": (
        "sh -c 'trap \"\" TERM; echo $$ > pid; while :; do sleep 1; done' &"
    ),
    "setsid": "setsid sleep 1000 & echo $! > pid",
    "double fork": "(setsid sh -c 'echo $$ > pid; exec sleep 1000' >/dev/null 2>&1 &)",
    "ignores TERM": "(setsid sh -c 'trap \"\" TERM; echo $$ > pid; while :; do sleep 1; done' &)",
    "child of a background child": "sh -c 'setsid sleep 1000 & echo $! > pid; wait' &",
    "grandchild of a daemon": "(setsid sh -c '(sleep 1000 & echo $! > pid); sleep 1000' &)",
    "stopped daemon": "(setsid sh -c 'echo $$ > pid; kill -STOP $$' &)",
}


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("ending", ["exit", "timeout"])
def test_nothing_that_fled_the_group_is_left(tmp_path, left, ending):
    wait = "until [ -s pid ]; do :; done"
    end = "exec sleep 1000" if ending == "timeout" else "exit 0"
    timeout_ms = 400 if ending == "timeout" else 0
    line = f"{LEFT[left]}\n{wait}; {end}"

    ((answer,),) = run_in_fresh_process(
        [[job(line, tmp_path, grace_ms=100, timeout_ms=timeout_ms)]]
    )

    assert answer["ending"] == ending
    assert answer["left"] == []
    assert not is_running(pid_in(tmp_path / "pid"))


def test_a_daemon_gets_term_before_kill(tmp_path):
    line = (
        '(setsid sh -c \'trap "echo told > word; exit" TERM; echo $$ > pid;'
        " while :; do sleep 0.01; done' &); until [ -s pid ]; do :; done"
    )

    ((answer,),) = run_in_fresh_process([[job(line, tmp_path)]])

    assert answer["left"] == []
    assert (tmp_path / "word").read_text() == "told\n"


def test_orphans_of_another_running_job_stay(tmp_path):
    os.mkfifo(tmp_path / "gate")
    daemon = "(setsid sh -c 'echo $$ > {0}; exec sleep 1000' &); until [ -s {0} ]; do :; done"
    patient = job(daemon.format("a") + "; read word < gate; kill -0 $(cat a)", tmp_path)
    short = job("until [ -s a ]; do :; done; " + daemon.format("b"), tmp_path)
    timed = job(daemon.format("c") + "; exec sleep 1000", tmp_path, timeout_ms=300)
    witness = job("kill -0 $(cat a); alive=$?; echo go > gate; exit $alive", tmp_path)

    (first,), (*ended, last) = run_in_fresh_process([[patient], [short, timed, witness]])

    assert (first["exit_code"], first["left"]) == (0, [])
    assert [answer["left"] for answer in ended] == [[], []]
    assert last["exit_code"] == 0
    assert not any(is_running(pid_in(tmp_path / name)) for name in "abc")


def test_a_timeout_reaches_the_whole_group(tmp_path):
    line = "sh -c 'sleep 1000 & echo $! > pid; wait' & wait"

    ((answer,),) = run_in_fresh_process([[job(line, tmp_path, timeout_ms=200)]])

    assert (answer["ending"], answer["left"]) == ("timeout", [])
    assert not is_running(pid_in(tmp_path / "pid"))


def test_a_background_child_that_holds_the_pipes_does_not_delay_the_end(tmp_path):
    line = "sleep 1000 & echo hi"

    ((answer,),) = run_in_fresh_process([[job(line, tmp_path)]])

    assert (answer["exit_code"], answer["stdout"], answer["left"]) == (0, "hi\n", [])
    assert answer["duration_ms"] < 5_000


def test_a_noisy_background_child_does_not_cost_the_error_its_line(tmp_path):
    line = "yes & sleep 0.05; echo 'the reason' >&2; exit 1"

    ((answer,),) = run_in_fresh_process([[job(line, tmp_path)]])

    assert (answer["exit_code"], answer["error"]) == (1, "the reason")


def test_the_grace_of_what_is_left_does_not_count_as_the_jobs_time(tmp_path):
    line = "(trap '' TERM; echo > up; while :; do sleep 1; done) & until [ -e up ]; do :; done"

    ((answer,),) = run_in_fresh_process([[job(line, tmp_path, grace_ms=1_500)]])

    assert answer["left"] == []
    assert answer["duration_ms"] < 1_500


def test_a_daemon_that_hops_from_process_to_process_is_caught(tmp_path):
    hopper = tmp_path / "hop"
    hopper.write_text('#!/bin/sh\necho $$ >> pids\nsleep 0.01\nsetsid "$0" &\n')
    hopper.chmod(0o700)
    line = "(setsid ./hop &); until [ $(wc -l < pids) -ge 3 ]; do :; done"

    ((answer,),) = run_in_fresh_process([[job(line, tmp_path, grace_ms=50)]])

    assert answer["left"] == []
    assert not any(map(is_running, map(int, (tmp_path / "pids").read_text().split())))


def test_signal_names_fall_back_to_numbers():
    assert executor.signal_name(15) == "SIGTERM"
    assert executor.signal_name(50) == "signal 50"


# --- the companion ---


class Companion:
    """Ends the run by a file once it heard often enough of it; a while later unheard."""

    def __init__(self, go, hears):
        self.heard = []
        self._go = go
        self._hears = hears

    def started(self):
        self.heard.append("started")

    def lingers(self):
        self.heard.append("lingers")
        if len(self.heard) > self._hears:
            self._go.touch()
        return not self._go.exists()


def test_a_companion_hears_of_the_start_and_of_a_long_run_until_it_has_had_enough(
    tmp_path, log, stopper
):
    friend = Companion(tmp_path / "go", hears=3)
    waiting = command("until [ -e go ]; do sleep 0.01; done; sleep 0.2", cwd=str(tmp_path))

    outcome = EXECUTOR.run(waiting, log, stopper, SystemClock(), friend)

    assert outcome.exit_code == 0
    assert friend.heard == ["started", "lingers", "lingers", "lingers"]


def test_a_companion_hears_nothing_of_what_can_not_start(tmp_path, log, stopper):
    friend = Companion(tmp_path / "go", hears=1)

    EXECUTOR.run(command(argv=("no-such-program",)), log, stopper, SystemClock(), friend)

    assert friend.heard == []


def test_a_companion_that_fails_leaves_nothing_running(tmp_path, log, stopper):
    friend = Companion(tmp_path / "go", hears=1)
    friend.started = lambda: 1 / 0
    asleep = command("exec sleep 1000", cwd=str(tmp_path))

    with pytest.raises(ZeroDivisionError):
        EXECUTOR.run(asleep, log, stopper, SystemClock(), friend)

    assert list(processes.with_token([asleep.token])) == []
