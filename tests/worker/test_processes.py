from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from queuectl_core.worker import processes
from tests.worker.harness import is_running, until

TOKEN = -(os.getpid() << 24)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def start():
    """Start a process with a token; it is killed in the end."""
    started = []

    def start(token, *argv):
        env = dict(os.environ) | {processes.TOKEN_VARIABLE: str(token)}
        started.append(subprocess.Popen(argv or ["sleep", "1000"], env=env))
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.wait()


def in_fresh_process(code):
    """Run code in a subreaper of its own, with `line` to start an orphan by; return its output."""
    prelude = """
import os, subprocess
from queuectl_core.worker import processes
processes.become_subreaper()
def orphan(line, token=None):
    env = dict(os.environ) | ({processes.TOKEN_VARIABLE: str(token)} if token else {})
    script = f"({line} >/dev/null 2>&1 & echo $!)"
    return int(subprocess.run(["sh", "-c", script], env=env, capture_output=True).stdout)
def runs(pid):
    return pid in processes.adopted()
"""
    done = subprocess.run(
        [sys.executable, "-c", prelude + code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=30,
        check=True,
    )
    return done.stdout.decode().split()


def test_a_process_is_found_by_its_token_only(start):
    mine, other = start(TOKEN), start(TOKEN - 1)

    assert list(processes.with_token([TOKEN])) == [mine]
    assert sorted(processes.with_token([TOKEN, TOKEN - 1])) == sorted([mine, other])
    assert list(processes.with_token([])) == []


def test_a_token_that_begins_with_another_is_another(start):
    start(TOKEN * 10)

    assert list(processes.with_token([TOKEN])) == []


def test_a_process_that_execs_all_the_time_is_always_found(start, tmp_path):
    script = tmp_path / "again"
    script.write_text('#!/bin/sh\nexec "$0"\n')
    script.chmod(0o700)
    pid = start(TOKEN, str(script))

    looks = [list(processes.with_token([TOKEN])) for _ in range(50)]

    assert looks == [[pid]] * 50


def test_killing_a_token_kills_its_processes_and_no_others(start):
    mine, other = start(TOKEN), start(TOKEN - 1)

    assert processes.kill_tokens([TOKEN]) == 1

    until(lambda: not is_running(mine))
    assert is_running(other)


def test_a_signal_skips_who_is_gone_and_who_is_not_ours(start, monkeypatch):
    pid = start(TOKEN)
    refused = {pid + 1: ProcessLookupError, pid + 2: PermissionError}
    kill = os.kill

    def picky_kill(target, signum):
        if target in refused:
            raise refused[target]
        kill(target, signum)

    monkeypatch.setattr(os, "kill", picky_kill)

    assert processes.signal_all([pid, pid + 1, pid + 2], 0) == [pid]


def test_a_process_that_cannot_be_killed_does_not_hold_us_up(monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(processes, "adopted", lambda: [1])
    monkeypatch.setattr(os, "kill", refuse)

    assert processes.kill_adopted() == 0


def test_orphans_and_their_children_are_killed(tmp_path):
    pid = tmp_path / "pid"
    out = in_fresh_process(f"""
orphan("sh -c 'setsid sleep 1000 & echo $! > {pid}; sleep 1000'")
while not (os.path.exists("{pid}") and open("{pid}").read()): pass
print(processes.kill_adopted() >= 2, processes.adopted())
""")

    assert out == ["True", "[]"]
    assert not is_running(int(pid.read_text()))


def test_orphans_are_told_apart_by_token():
    out = in_fresh_process("""
mine, other = orphan("sleep 1000", 5), orphan("sleep 1000", 6)
print(processes.orphans_with(5) == [mine], processes.orphans_with(7))
processes.kill_adopted()
""")

    assert out == ["True", "[]"]


def test_orphans_end_when_no_job_runs_that_may_own_them():
    out = in_fresh_process("""
orphans = processes.Orphans()
with_token, without = orphan("sleep 1000", 5), orphan("exec env -i sleep 1000")
seen = []
for running in ({5: False, 6: False}, {6: False, 7: False}, {7: False}):
    orphans.end_unowned(lambda: running)
    seen += [int(runs(with_token)), int(runs(without))]
print(*seen)
""")

    assert out == ["1", "1", "0", "1", "0", "0"]


def test_a_job_that_starts_after_the_look_keeps_its_orphan():
    out = in_fresh_process("""
orphans = processes.Orphans()
born = []
def running():
    born.append(orphan("sleep 1000", 5))
    return {}
orphans.end_unowned(running)
print(runs(born[0]))
processes.kill_adopted()
""")

    assert out == ["True"]


def test_a_process_in_its_exit_is_dying_and_a_sleeping_one_is_not(start):
    zombie, asleep = start(1, "true"), start(2)

    until(lambda: processes._is_dying(zombie))

    assert not processes._is_dying(asleep)
    assert not processes._is_dying(2**22 + 1)


def test_what_can_not_be_read_for_want_of_a_descriptor_is_not_taken_for_gone():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.dup(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 1, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            processes._entries_of(os.getpid())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(spare)
