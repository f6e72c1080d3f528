"""Runs one command: its own session, its output into the job log, a timeout, nothing left behind.

A job ends when its process exits, not when its pipes close: a background child may hold them open
for ever.
"""

from __future__ import annotations

import logging
import os
import resource
import select
import signal
from collections import deque

from queuectl_core import joblog
from queuectl_core.records import Record
from queuectl_core.run import Ending, Outcome
from queuectl_core.worker import processes, shortage
from queuectl_core.worker.spawner import CantStart, Spawner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

    from queuectl_core.clock import Clock
    from queuectl_core.worker.seams import Companion, Log
    from queuectl_core.worker.shortage import Shortage
    from queuectl_core.worker.spawner import Process

LINGER_MS = 50
"""A run that has taken this long is no very short one: its companion is told so."""
READ_BYTES = 65_536
MAX_LATE_BYTES = 1 << 20
"""What a pipe may still hold when the process has ended; a background child can write for ever."""
MAX_POLL_MS = 3_600_000
"""poll(2) takes 24 days at most, a job a year."""
FIRST_LOOK_MS, LOOK_EVERY_MS = 1, 10
"""The kernel tells nobody when a process group becomes empty."""
KILL_PATIENCE_MS = 2_000
"""How long killed processes may take to vanish; those that hang in the kernel never do."""
_log = logging.getLogger(__name__)


class Command(Record):
    """One start of a job. Spans in milliseconds; `timeout_ms` 0 means none.

    `env` comes on top of what all jobs inherit. `stdin`: an open file to read, None for nothing.
    `lasting`: what it leaves in the background may stay.
    """

    argv: tuple[str, ...]
    cwd: str | None
    env: Mapping[str, str]
    token: int
    timeout_ms: int
    grace_ms: int
    stdin: int | None = None
    lasting: bool = False


class Stopper:
    """Lets another thread end the command that runs now. One per worker thread, for all jobs."""

    def __init__(self) -> None:
        self._wakeup, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        # Several at once: a late wish for the last run must not take the place of one for this.
        self._wishes: deque[tuple[int, Ending]] = deque()

    def fileno(self) -> int:
        """Return what is readable once somebody wished for an end."""
        return self._wakeup

    def stop(self, token: int, ending: Ending) -> None:
        """Ask for the end of the run with that token; no other run is touched. From any thread."""
        self._wishes.append((token, ending))
        try:
            os.write(self._waker, b"!")
        except BlockingIOError:
            return  # full of earlier wishes: awake it is

    def wish_for(self, token: int) -> Ending | None:
        """Take the wishes so far; return how the run with that token should end, if one says so."""
        try:
            os.read(self._wakeup, 4096)
        except BlockingIOError:
            pass  # nobody knocked since we looked last
        wished = None
        while self._wishes:
            of, ending = self._wishes.popleft()
            if of == token and wished is None:
                wished = ending
        return wished

    def close(self) -> None:
        """Close both ends."""
        os.close(self._wakeup)
        os.close(self._waker)


class Executor:
    """Runs commands, one per calling thread, which inherit `environ`. One for a whole process."""

    def __init__(self, environ: Mapping[str, str], short: Shortage) -> None:
        self._spawner = Spawner(environ)
        self._shortage = short

    def run(
        self,
        command: Command,
        log: Log,
        stopper: Stopper,
        clock: Clock,
        companion: Companion | None = None,
    ) -> Outcome:
        """Run a command to its end and return what came of it. Its processes are gone then.

        Raises NotStarted where the system is short of something. One that can't be watched for the
        same reason is killed, and counts as released.
        """
        started_ms = clock.monotonic_ms()
        try:
            process = self._start(command)
        except CantStart as error:
            return Outcome(Ending.EXIT, exit_code=error.exit_code, error=str(error))
        made = _Run(process, command, log, stopper, clock, started_ms)
        try:
            try:
                if companion is not None:
                    companion.started()
                    made.linger_with(companion)
                return made.to_its_end()
            finally:  # before what is left of it is looked for, which takes a descriptor
                os.close(process.stdout)
                os.close(process.stderr)
        except shortage.NotWatched as error:
            made.abandon()
            self._shortage.declare(str(error))
            return Outcome(Ending.RELEASED, error=f"killed at its start: {error}")
        except BaseException:
            made.abandon()
            raise

    def _start(self, command: Command) -> Process:
        try:
            process = self._spawner.start(
                command.argv, cwd=command.cwd, env=command.env, stdin=command.stdin
            )
        except shortage.NotStarted as error:
            self._shortage.declare(str(error))
            raise
        self._shortage.ease()
        return process


class _Run:
    """One process from its start to the record of its end."""

    own_peak_kib: ClassVar[int] = 0
    """Peak memory of this process when we looked last."""

    def __init__(
        self,
        process: Process,
        command: Command,
        log: Log,
        stopper: Stopper,
        clock: Clock,
        started_ms: int,
    ) -> None:
        self._process = process
        self._command = command
        self._log = log
        self._stopper = stopper
        self._clock = clock
        self._started_ms = started_ms
        self._streams = {process.stdout: joblog.STDOUT, process.stderr: joblog.STDERR}
        self._reaped = False
        self._poll = select.poll()
        self._ended = -1
        self._ending: Ending | None = None
        self._deadline_ms = started_ms + command.timeout_ms if command.timeout_ms else None
        self._killing = False
        self._companion: Companion | None = None
        self._linger_ms: int | None = None

    def linger_with(self, companion: Companion) -> None:
        """Tell `companion` when the run turns out to be a long one."""
        self._companion = companion
        self._linger_ms = self._started_ms + LINGER_MS

    def to_its_end(self) -> Outcome:
        self._ended = shortage.open_pidfd(self._process.pid)
        try:
            self._watch()
        finally:
            os.close(self._ended)
        duration_ms = self._clock.monotonic_ms() - self._started_ms
        self._read_the_rest()
        status, usage = self._bury()
        return self._outcome(status, usage, duration_ms)

    def abandon(self) -> None:
        """After an error of ours: leave nothing running that nobody minds any more."""
        if not self._reaped:  # so the pid is still its
            processes.signal_group(self._process.pid, signal.SIGKILL)
            os.waitpid(self._process.pid, 0)
        token = self._command.token
        shortage.outlast(lambda: processes.kill_tokens([token]), self._clock)

    def _watch(self) -> None:
        """Take output and mind the time until the process has ended.

        It stays a zombie, so that its pid stays its.
        """
        for pipe in self._streams:
            self._poll.register(pipe, select.POLLIN)
        self._poll.register(self._ended, select.POLLIN)
        self._poll.register(self._stopper, select.POLLIN)
        while True:
            ready = dict(self._poll.poll(self._patience_ms()))
            for fd in [fd for fd in self._streams if fd in ready]:  # stdout first
                if not ready[fd] & select.POLLIN or not self._take(fd):
                    self._drop(fd)
            if self._ended in ready:
                return
            if self._stopper.fileno() in ready:
                self._end_as(self._stopper.wish_for(self._command.token))
            self._mind_the_time()

    def _mind_the_time(self) -> None:
        if self._deadline_ms is not None and self._clock.monotonic_ms() >= self._deadline_ms:
            self._past_deadline()
        if self._linger_ms is not None and self._clock.monotonic_ms() >= self._linger_ms:
            self._linger()

    def _patience_ms(self) -> int | None:
        moments = [at for at in (self._deadline_ms, self._linger_ms) if at is not None]
        if not moments:
            return None
        return min(max(0, min(moments) - self._clock.monotonic_ms()), MAX_POLL_MS)

    def _linger(self) -> None:
        again = self._companion is not None and self._companion.lingers()
        self._linger_ms = self._clock.monotonic_ms() + LINGER_MS if again else None

    def _take(self, fd: int) -> int:
        """Move what a pipe holds into the log; return the bytes, 0 at its end."""
        data = os.read(fd, READ_BYTES)
        if data:
            self._log.write(self._streams[fd], data, self._clock.now_ms())
        return len(data)

    def _drop(self, fd: int) -> None:
        """Listen no more to a pipe that nobody has open."""
        self._poll.unregister(fd)
        del self._streams[fd]

    def _end_as(self, ending: Ending | None) -> None:
        """Begin to end the run: TERM now, KILL after the grace."""
        if ending is None or self._ending is not None:
            return
        self._ending = ending
        self._terminate_tree()
        self._deadline_ms = self._clock.monotonic_ms() + self._command.grace_ms

    def _past_deadline(self) -> None:
        if self._ending is None:
            self._end_as(Ending.TIMEOUT)
        elif not self._killing:
            self._killing = True
            self._deadline_ms = None
            self._signal_tree(signal.SIGKILL)

    def _terminate_tree(self) -> None:
        self._signal_tree(signal.SIGTERM)
        self._signal_tree(signal.SIGCONT)  # a stopped process heeds nothing else but KILL

    def _signal_tree(self, signum: signal.Signals) -> None:
        """Reach the job's group, and its processes that left it."""
        processes.signal_group(self._process.pid, signum)
        token = self._command.token
        found = shortage.outlast(lambda: list(processes.with_token([token])), self._clock)
        processes.signal_all((pid for pid in found if not self._in_group(pid)), signum)

    def _in_group(self, pid: int) -> bool:
        try:
            return os.getpgid(pid) == self._process.pid
        except ProcessLookupError:
            return False

    def _read_the_rest(self) -> None:
        for fd in list(self._streams):
            os.set_blocking(fd, False)
            taken = 0
            try:
                while taken < MAX_LATE_BYTES and (size := self._take(fd)):
                    taken += size
            except BlockingIOError:
                continue  # a background child holds it open

    def _bury(self) -> tuple[int, resource.struct_rusage]:
        """Reap the process, end what outlived it; return its wait status and what it used.

        A run that we had to end leaves nothing behind, whatever its job may leave.
        """
        _, status, usage = os.wait4(self._process.pid, 0)
        self._reaped = True
        if not (self._command.lasting and self._ending is None) and self._remain():
            self._end_remains()
        return status, usage

    def _remain(self) -> bool:
        """Tell whether anything of the job is left. Orphans of other running jobs do not count.

        In this order: what falls to us when the last of the group ends is seen then.
        """
        if processes.group_exists(self._process.pid):
            processes.reap_adopted()
            if processes.group_exists(self._process.pid):
                return True
        token = self._command.token
        return bool(shortage.outlast(lambda: processes.orphans_with(token), self._clock))

    def _end_remains(self) -> None:
        """End background children, daemons and whatever fled: TERM, and KILL after the grace."""
        self._terminate_tree()
        if self._ending is None:
            self._deadline_ms = self._clock.monotonic_ms() + self._command.grace_ms
        if self._deadline_ms is not None and self._gone_by(self._deadline_ms):
            return
        give_up_ms = self._clock.monotonic_ms() + KILL_PATIENCE_MS
        while self._clock.monotonic_ms() < give_up_ms:
            self._signal_tree(signal.SIGKILL)
            if self._gone_by(self._clock.monotonic_ms() + LOOK_EVERY_MS):
                return
        _log.warning("processes of group %d can't be killed", self._process.pid)

    def _gone_by(self, deadline_ms: int) -> bool:
        """Wait until nothing of the job is left; tell whether that came in time."""
        pause_ms = FIRST_LOOK_MS
        while self._remain():
            if self._clock.monotonic_ms() >= deadline_ms:
                return False
            self._clock.pause(pause_ms)
            pause_ms = min(2 * pause_ms, LOOK_EVERY_MS)
        return True

    def _outcome(self, status: int, usage: resource.struct_rusage, duration_ms: int) -> Outcome:
        code = os.waitstatus_to_exitcode(status)
        ending = self._ending or (Ending.SIGNAL if code < 0 else Ending.EXIT)
        return Outcome(
            ending,
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            error=self._error(ending, code),
            duration_ms=duration_ms,
            cpu_ms=int((usage.ru_utime + usage.ru_stime) * 1000),
            max_rss_bytes=_peak_bytes(usage),
            output_bytes=self._log.total_bytes,
        )

    def _error(self, ending: Ending, code: int) -> str | None:
        """Return the one line that tells an operator why, None for success."""
        if ending is Ending.TIMEOUT:
            return f"timed out after {self._command.timeout_ms / 1000:g} s"
        if ending in {Ending.CANCELLED, Ending.RELEASED}:
            return None
        if code == 0:
            return None
        return self._log.last_error_line or (
            f"killed by {signal_name(-code)}" if code < 0 else f"exit code {code}"
        )


def _peak_bytes(usage: resource.struct_rusage) -> int | None:
    """Return the peak memory of a job, None where it stayed below our own.

    A child of vfork begins with its parent's memory, and the kernel keeps that as its peak over
    the exec (setmax_mm_hiwater_rss in exec_mmap, fs/exec.c).
    """
    if usage.ru_maxrss <= _Run.own_peak_kib:  # it never falls
        return None
    _Run.own_peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage.ru_maxrss * 1024 if usage.ru_maxrss > _Run.own_peak_kib else None


def signal_name(number: int) -> str:
    """Return what people call a signal; real-time ones have numbers only."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
