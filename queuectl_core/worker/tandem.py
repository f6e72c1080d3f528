"""A worker and the dashboard in one tree of processes: `queuectl up`, `worker start --web`.

The parent of both passes signals on to the worker and ends with it; a dashboard that dies is
started again. It opens no database, and knows neither what a worker nor what a dashboard does.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl_core.clock import Clock

PASSED_ON = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
TICK_S = 1.0
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 1_000, 8_000
STABLE_MS = 60_000
STOP_MS = 12_000
"""What the dashboard gets to finish its requests: a little more than it takes for itself."""
_PR_SET_PDEATHSIG = 1
log = logging.getLogger(__name__)


def run(work: Callable[[], int], serve: Callable[[int], int], clock: Clock) -> int:
    """Run both until the worker has ended; return its exit code.

    `serve` is told how often the dashboard died before; both run in processes of their own. For the
    first thread of a process that has no other.
    """
    return Tandem(work, serve, clock).run()


class Tandem:
    """The parent of a worker and a dashboard."""

    def __init__(self, work: Callable[[], int], serve: Callable[[int], int], clock: Clock) -> None:
        self._work = work
        self._serve = serve
        self._clock = clock
        self._mask: set[int] = set()
        self._worker = 0
        self._web = 0
        self._deaths = 0
        self._born_ms = 0
        self._pause_ms = FIRST_PAUSE_MS
        self._restart_ms: int | None = None
        self._stopping = False

    def run(self) -> int:
        """Take signals and the ends of our children until the worker has ended."""
        taken = PASSED_ON | {signal.SIGCHLD}
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, taken))
        self._worker = self._fork(self._work)
        self._start_web()
        while True:
            info = signal.sigtimedwait(taken, TICK_S)
            if info is not None and info.si_signo in PASSED_ON:
                self._stopping = True
                os.kill(self._worker, info.si_signo)
            code = self._reap()
            if code is not None:
                self._end_web()
                return code
            if self._restart_ms is not None and self._clock.monotonic_ms() >= self._restart_ms:
                self._start_web()

    def _fork(self, live: Callable[[], int]) -> int:
        """Let a child live and end with that code; it is told to stop when we die.

        Signals are blocked as ours: the supervisor takes them that way, and one that comes while it
        starts is not lost.
        """
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        code = os.EX_SOFTWARE
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() == parent:
                code = live()
        except BaseException:  # the last frame of a process
            log.exception("unexpected")
        finally:
            os._exit(code)

    def _start_web(self) -> None:
        self._restart_ms = None
        self._born_ms = self._clock.monotonic_ms()
        deaths = self._deaths
        self._web = self._fork(lambda: self._live_as_web(deaths))

    def _live_as_web(self, deaths: int) -> int:
        """Serve; what a terminal sends to all of us is the worker's to hear, we end after it."""
        for number in PASSED_ON - {signal.SIGTERM}:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        return self._serve(deaths)

    def _reap(self) -> int | None:
        """Take the statuses of all that ended; return the worker's exit code once it has."""
        code = None
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return code
            if pid == 0:
                return code
            ended = os.waitstatus_to_exitcode(status)
            if pid == self._worker:
                code = ended if ended >= 0 else os.EX_SOFTWARE
            elif pid == self._web:
                self._bury_web(ended)

    def _bury_web(self, code: int) -> None:
        """Plan another dashboard, the later the more often it dies."""
        self._web = 0
        self._deaths += 1
        if self._stopping:
            return
        now_ms = self._clock.monotonic_ms()
        stable = now_ms - self._born_ms > STABLE_MS
        self._pause_ms = FIRST_PAUSE_MS if stable else min(self._pause_ms * 2, LONGEST_PAUSE_MS)
        self._restart_ms = now_ms + (0 if stable else self._pause_ms // 2)
        log.error("the dashboard died (%s); it is started again", code)

    def _end_web(self) -> None:
        """Let the dashboard finish its requests; kill it where that takes too long."""
        if not self._web:
            return
        os.kill(self._web, signal.SIGTERM)
        deadline_ms = self._clock.monotonic_ms() + STOP_MS
        while (left_ms := deadline_ms - self._clock.monotonic_ms()) > 0:
            if os.waitpid(self._web, os.WNOHANG)[0]:
                return
            signal.sigtimedwait({signal.SIGCHLD}, left_ms / 1000)
        os.kill(self._web, signal.SIGKILL)
        os.waitpid(self._web, 0)
