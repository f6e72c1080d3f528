"""A home of its own for a scenario: commands, workers, kills by pid, and the sweep at the end.

Every process of a world has the world's HOME in its environment. It is looked at before each kill,
so that a pid which meanwhile is another process's is never touched.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import chaos_ledger as ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random
    from typing import Self, TypeVar

    Found = TypeVar("Found")

COMMAND_S = 90
PAUSE_S = 0.02
CUT_WITHIN_S = 0.09
"""A cold command lasts about half as long on a quiet machine."""
TRACE = "Traceback (most recent call last)"
OPEN_STATES = ("pending", "processing", "failed")


class Broken(Exception):
    """A promise was broken; the text says how."""


def boot_s() -> float:
    """Return the time since boot in seconds: the clock of /proc/uptime, which jobs note."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def eventually(look: Callable[[], Found], what: str, *, within_s: float = 30.0) -> Found:
    """Return the first true value of `look()`; Broken when there is none in time."""
    deadline_s = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > deadline_s:
            raise Broken(f"not within {within_s:g} s: {what}")
        time.sleep(PAUSE_S)
    return found


class World:
    """`root` is HOME, working directory and the place of the ledger."""

    def __init__(self, binary: str, *, user: int | None = None) -> None:
        """Make its files; with `user`, a number, in a place that this user can reach."""
        self.binary = binary
        place = None if user is None else "/tmp"
        self.root = Path(tempfile.mkdtemp(prefix="queuectl-chaos.", dir=place))
        self.home = self.root / ".queuectl"
        self.queue = self.home / "queue.db"
        self.ledger = self.root / "ledger"
        self.ledger.touch()
        self.tmp = self.root / "tmp"
        self.tmp.mkdir()
        self.env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.root),
            "TMPDIR": str(self.tmp),
        }
        self.workers: list[Worker] = []
        self.made = 0
        self.user = user
        if user is not None:
            self.binary = shutil.copy(binary, self.root)
            self.hand_over()

    def hand_over(self) -> None:
        """Give all files to the world's user, who owns what its processes make."""
        if self.user is not None:
            for path in (self.root, *self.root.rglob("*")):
                os.chown(path, self.user, self.user, follow_symlinks=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what is left of the world, then remove its files."""
        eventually(lambda: not self._kill_all(), "the world's processes are gone")
        for worker in self.workers:
            worker.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def _kill_all(self) -> bool:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return bool(sum(self.kill(pid) for pid in pids))  # any() would stop at the first

    def kill_everybody(self) -> None:
        """Kill all processes of the world, and wait until they are gone."""
        self.kill_at_once([int(name) for name in os.listdir("/proc") if name.isdigit()])
        eventually(lambda: not self._kill_all(), "the world's processes are gone")

    # --- commands ---

    def run(
        self,
        *words: str,
        given: str = "",
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end. A traceback breaks a promise, whatever the command."""
        done = subprocess.run(
            [self.binary, *words],
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            env={**self.env, **(env or {})},
            cwd=self.root,
            timeout=COMMAND_S,
            check=False,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else (),
        )
        if TRACE in done.stderr + done.stdout or done.returncode == os.EX_SOFTWARE:
            raise Broken(f"{words} exited {done.returncode}: {done.stderr}{done.stdout}")
        return done

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command that nobody listens to; the caller ends and reaps it."""
        return subprocess.Popen(
            [self.binary, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.env,
            cwd=self.root,
            start_new_session=True,
        )

    def run_and_cut_off(self, rng: Random, *words: str, within_s: float = CUT_WITHIN_S) -> int:
        """Run a command and kill it after a random span, the loader alone or with its child.

        Return its exit code, which is 0 or more where it was faster.
        """
        process = self.begin(*words)
        both = rng.random() < 0.7
        try:
            return process.wait(rng.uniform(0.0, within_s))
        except subprocess.TimeoutExpired:
            self.kill(process.pid, signal.SIGSTOP)  # else it may fork once more meanwhile
            eventually(lambda: stat(process.pid)[:1] in ([b"T"], [b"Z"]), "the loader stands still")
            child = children(process.pid)
            self.kill_at_once([process.pid, *(child if both else [])])
            code = process.wait()
        eventually(lambda: not any(map(runs, child)), "the child of a killed loader ends")
        return code

    def ok(self, *words: str, given: str = "") -> str:
        """Run a command that must exit 0; return what it printed."""
        done = self.run(*words, given=given)
        if done.returncode != 0:
            raise Broken(f"{words} exited {done.returncode}: {done.stderr}")
        return done.stdout

    def add(self, jobs: Mapping[str, str], **fields: object) -> None:
        """Add shell lines by id, all acknowledged when this returns."""
        rows = [json.dumps({"id": job, "command": line, **fields}) for job, line in jobs.items()]
        self.ok("enqueue", "--stdin", given="\n".join(rows))

    def traced(self, body: str = ":") -> str:
        """Return a shell line that notes its start and its end in the ledger."""
        return ledger.traced(str(self.ledger), body)

    def records(self) -> list[dict[str, object]]:
        """Return the records of all jobs."""
        return [json.loads(row) for row in self.ok("list", "--json").splitlines()]

    def kept(self) -> dict[str, ledger.Kept]:
        """Return what the queue says of its jobs; Broken when it has two of one id."""
        records = self.records()
        kept = {
            str(one["id"]): ledger.Kept(
                str(one["state"]),
                int(str(one["attempts"])),
                None if one["reason"] is None else str(one["reason"]),
            )
            for one in records
        }
        if len(kept) != len(records):
            raise Broken(f"{len(records)} jobs with {len(kept)} ids")
        return kept

    def lines(self) -> list[ledger.Line]:
        """Return the ledger so far."""
        return ledger.parse(self.ledger.read_text())

    def ends(self) -> int:
        """Return how many runs have noted their end so far."""
        return self.ledger.read_bytes().count(b"end ")

    def status(self) -> dict[str, int]:
        """Return the queue's own counts by state."""
        counts: dict[str, int] = json.loads(self.ok("status", "--json"))
        return counts

    def await_quiet(self, *, within_s: float = 60.0) -> None:
        """Wait until every job of the queue is final."""
        eventually(self.is_quiet, "all jobs are final", within_s=within_s)

    def is_quiet(self) -> bool:
        """Tell whether every job of the queue is final."""
        counts = self.status()
        return not any(counts[state] for state in OPEN_STATES)

    def judge(
        self, asked: ledger.Asked, seen_completed: Mapping[str, float] | None = None
    ) -> dict[str, ledger.Kept]:
        """Compare ledger, client and queue; Broken names each set that is not empty."""
        kept = self.kept()
        found = ledger.judge(self.lines(), asked, kept, seen_completed)
        if found:
            raise Broken("; ".join(f"{name}: {jobs[:9]}" for name, jobs in found.items()))
        counts = self.status()
        states = [one.state for one in kept.values()]
        for state in (*OPEN_STATES, *ledger.FINAL):
            if counts[state] != states.count(state):
                raise Broken(f"status counts {counts[state]} {state}, list {states.count(state)}")
        return kept

    # --- workers ---

    def start(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> Worker:
        """Start a worker and wait until its pool runs."""
        worker = self.launch(*words, env=env, prefix=prefix)
        worker.await_running()
        return worker

    def launch(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> Worker:
        """Start a worker, wait for nothing."""
        self.made += 1
        worker = Worker(self, self.made, words, {**self.env, **(env or {})}, prefix)
        self.workers.append(worker)
        return worker

    # --- signals ---

    def owns(self, pid: int) -> bool:
        """Tell whether the process is one of this world's."""
        return f"HOME={self.root}".encode() in read(f"/proc/{pid}/environ").split(b"\0")

    def kill(self, pid: int, signum: int = signal.SIGKILL) -> bool:
        """Signal a process of this world; tell whether it was there."""
        if not self.owns(pid):
            return False
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            return False
        return True

    def kill_at_once(self, pids: Sequence[int]) -> None:
        """Kill several so that none can react to the death of another."""
        stopped = [pid for pid in pids if self.kill(pid, signal.SIGSTOP)]
        for pid in stopped:  # not asked again whose it is: in the midst of execve nobody can tell
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Worker:
    """A `worker start`: the loader that a shell sees, its child the supervisor, its child the pool.

    Its bundle is unpacked into a directory of its own, so that what a kill left can be removed.
    """

    def __init__(
        self,
        world: World,
        number: int,
        words: Sequence[str],
        env: Mapping[str, str],
        prefix: Sequence[str],
    ) -> None:
        self.world = world
        self.bundle = world.tmp / str(number)
        self.bundle.mkdir()
        world.hand_over()
        self.log_path = world.root / f"worker-{number}.log"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*prefix, world.binary, "worker", "start", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**env, "TMPDIR": str(self.bundle)},
                cwd=world.root,
                start_new_session=True,
                user=world.user,
                group=world.user,
                extra_groups=None if world.user is None else (),
            )
        self.loader = self.process.pid
        self.supervisor = 0

    @property
    def log(self) -> str:
        """Return what the worker has written so far."""
        return self.log_path.read_text(errors="replace")

    def await_running(self) -> None:
        """Wait until the pool has said that it runs."""
        eventually(
            lambda: ", process " in self.log or self.process.poll() is not None,
            "the worker runs",
        )
        self.pool()
        if self.process.poll() is not None:
            raise Broken(f"the worker ended: {self.log}")

    def pool(self) -> int:
        """Return the pool's pid now, 0 while there is none."""
        if not self.supervisor:
            self.supervisor = next(iter(children(self.loader)), 0)
        return next(iter(children(self.supervisor)), 0) if self.supervisor else 0

    def pids(self) -> list[int]:
        """Return loader, supervisor and pool, as far as they run."""
        pool = self.pool()
        return [pid for pid in (self.loader, self.supervisor, pool) if pid and runs(pid)]

    def runs(self) -> bool:
        """Tell whether the worker as a whole runs or comes back by itself."""
        return runs(self.loader) and (not self.supervisor or runs(self.supervisor))

    def signal(self, signum: int) -> None:
        """Signal loader, supervisor and pool."""
        for pid in self.pids():
            self.world.kill(pid, signum)

    def kill_whole(self) -> None:
        """Kill loader, supervisor and pool at once, and reap."""
        self.world.kill_at_once(self.pids())
        self.process.wait()

    def stop(self, *, within_s: float = 40.0) -> int:
        """End it as Ctrl-C does; return the exit code, after a look at what it wrote."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(within_s)
        self.check_log()
        return code

    def check_log(self) -> None:
        """Look for a traceback in what the worker wrote."""
        if TRACE in self.log:
            raise Broken(f"a traceback in the worker's log: {self.log}")

    def drop_bundle(self) -> None:
        """Remove what a killed loader could not: 13 MB."""
        shutil.rmtree(self.bundle, ignore_errors=True)


# --- the kernel's table ---


def read(path: str) -> bytes:
    """Return a file of /proc, empty when its process is gone or not ours."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def stat(pid: int) -> list[bytes]:
    """Return the fields of /proc/pid/stat from the state on."""
    return read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def runs(pid: int) -> bool:
    """Tell whether the process lives; a zombie does not."""
    return stat(pid)[:1] not in ([], [b"Z"])


def children(pid: int) -> list[int]:
    """Return the children of all threads of a process, zombies too."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    words = b" ".join(read(f"/proc/{pid}/task/{thread}/children") for thread in threads)
    return [int(word) for word in words.split()]
