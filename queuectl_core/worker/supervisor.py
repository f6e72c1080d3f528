"""The process that owns the pool: takes the signals, revives the pool, cleans up after it.

Single-threaded, opens no database and does no I/O in handlers: signals are blocked and taken one by
one with sigtimedwait(2). As a subreaper it inherits every process of a pool that was killed,
whatever session it fled to.
"""

from __future__ import annotations

import logging
import os
import signal

from queuectl_core.clock import SystemClock
from queuectl_core.errors import (
    Exhausted,
    NewerVersion,
    NoPermission,
    QueuectlError,
    StorageDamaged,
    StorageFull,
)
from queuectl_core.home import prepare
from queuectl_core.storage import open_store
from queuectl_core.worker import (
    descriptors,
    environment,
    frozen,
    notify,
    pool,
    processes,
    shortage,
    worklog,
)
from queuectl_core.worker.plan import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.clock import Clock
    from queuectl_core.config import Settings
    from queuectl_core.home import Home
    from queuectl_core.worker.plan import Order

STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
SIGNALS = STOP_SIGNALS | {signal.SIGQUIT, signal.SIGCHLD}
ECHO_MS = 1_000
"""One Ctrl-C reaches a frozen program twice: from the terminal, and passed on by its loader."""
TICK_S = 1.0
FIRST_TICK_S = 0.05
"""Until somebody who waits for it has heard that the worker is ready."""
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 1_000, 8_000
STABLE_MS = 60_000
NO_SECOND_TRY = (NewerVersion, StorageDamaged, NoPermission)
"""What a pool can't start with, and another one neither."""
MAY_PASS = (Exhausted, StorageFull)
"""What a pool can't start with, but another one later may."""
LATER = 100
"""What a pool adds to the exit code of such an error; those of sysexits(3) end at 78."""
LAST_RESORT_MS = 10_000
"""What the pool gets beyond its own deadlines before it is taken for hung and killed."""
log = logging.getLogger(__name__)


def run(
    *,
    home: Home,
    db_path: str,
    settings: Settings,
    order: Order,
    parent: int,
) -> int:
    """Run a worker in the foreground until stopped, drained or used up; return the exit code.

    The frozen executable stops when the process `parent` dies. Raises what is wrong with the home
    or the queue before anything starts.
    """
    clock = SystemClock()
    prepare(home)
    # closed again before the fork: a connection must not cross one (https://sqlite.org/faq.html, 6)
    open_store(db_path, now_ms=clock.now_ms()).close()
    worklog.start()
    frozen.preload()
    frozen.hold_bundle()
    descriptors.make_room(order.threads)
    if os.geteuid() == 0:
        log.warning("running as root: so does every job. A user of its own is safer")
    plan = Plan(
        home,
        db_path,
        settings,
        order.threads,
        order.queues,
        order.drain,
        environment.of_worker(os.environ, home, db_path),
        order,
        detached=environment.DETACHED_VARIABLE in os.environ,
    )
    return Supervisor(plan, clock, parent).run()


class Supervisor:
    """One worker as people see it. The pool may die and come back meanwhile."""

    def __init__(self, plan: Plan, clock: Clock, parent: int) -> None:
        self._plan = plan
        self._clock = clock
        self._parent = parent
        self._pool = 0
        self._control = -1
        self._heart = -1
        self._notifier = notify.Notifier(os.environ)
        self._born_ms = 0
        self._pause_ms = FIRST_PAUSE_MS
        self._stop_ms: int | None = None
        self._restart_ms: int | None = None
        self._worked = False
        self._told = 0

    def run(self) -> int:
        """Supervise until the pool has ended for good; return its exit code.

        No process of ours stays.
        """
        processes.become_subreaper()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would reap the pool unseen
        signal.pthread_sigmask(signal.SIG_BLOCK, self._signals())
        self._start_pool()
        while True:
            info = signal.sigtimedwait(
                self._signals(), TICK_S if self._notifier.is_ready else FIRST_TICK_S
            )
            if info is not None and info.si_signo != signal.SIGCHLD:
                self._hear(signal.Signals(info.si_signo))
            code = self._reap()
            if code is not None:
                return code
            if self._stop_ms is not None and self._restart_ms is not None:
                return self._told % LATER or os.EX_SOFTWARE  # no pool runs
            self._tick()

    def _signals(self) -> set[signal.Signals]:
        """Return the signals that we take; nohup's ignored SIGHUP stays ignored."""
        ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
        return SIGNALS - ignored

    def _start_pool(self) -> None:
        """Start a pool; put it off where the system is short, or raise Exhausted at the first."""
        self._born_ms = self._clock.monotonic_ms()
        self._restart_ms = None
        fds: list[int] = []
        try:
            fds += os.pipe2(os.O_CLOEXEC)
            fds += os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            pid = os.fork()
        except OSError as error:
            for fd in fds:
                os.close(fd)
            refusal = shortage.translated(error, "the pool can't start")
            if not self._worked:
                raise refusal from error
            self._put_off(refusal.exit_code + LATER, str(refusal))
            return
        ear, mouth, heart, pulse = fds
        if pid == 0:
            os.close(mouth)
            os.close(heart)
            _be_pool(self._plan, ear, pulse, self._clock, self._told)
        os.close(ear)
        os.close(pulse)
        self._pool, self._control, self._heart = pid, mouth, heart

    # --- signals ---

    def _hear(self, signum: signal.Signals) -> None:
        now_ms = self._clock.monotonic_ms()
        if signum is signal.SIGQUIT:
            self._tell(pool.NOW, now_ms)
        elif self._stop_ms is None:
            self._tell(pool.GRACEFUL, now_ms)
        elif now_ms - self._stop_ms > ECHO_MS:
            self._tell(pool.NOW, now_ms)

    def _tell(self, word: bytes, now_ms: int) -> None:
        if self._stop_ms is None:
            self._stop_ms = now_ms
            self._notifier.stopping(within_ms=self._hung_ms() + LAST_RESORT_MS)
        try:
            os.write(self._control, word)
        except OSError:
            return  # it just died; _reap knows

    def _tick(self) -> None:
        now_ms = self._clock.monotonic_ms()
        if self._restart_ms is not None and now_ms >= self._restart_ms:
            self._start_pool()
        if notify.has_beaten(self._heart):
            self._worked, self._told = True, 0
            self._notifier.alive(self._plan.size, now_ms=now_ms)
        if self._stop_ms is None and frozen.is_frozen() and os.getppid() != self._parent:
            log.warning("the process that started us died; stopping")
            self._tell(pool.GRACEFUL, now_ms)
        if self._stop_ms is not None and now_ms - self._stop_ms > self._hung_ms():
            log.error("the pool does not stop; killing it")
            processes.signal_all([self._pool], signal.SIGKILL)

    def _hung_ms(self) -> int:
        settings = self._plan.settings
        return int((settings.stop_timeout + 2 * settings.kill_grace) * 1000) + LAST_RESORT_MS

    # --- ends ---

    def _reap(self) -> int | None:
        """Take the statuses of all children that ended.

        Return our exit code once the pool ended for good.
        """
        code = None
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return code
            if pid == 0:
                return code
            if pid == self._pool:
                code = self._bury_pool(os.waitstatus_to_exitcode(status))

    def _bury_pool(self, code: int) -> int | None:
        """End what the pool left behind; start another one unless it ended on purpose."""
        self._worked = notify.has_beaten(self._heart) or self._worked
        os.close(self._control)
        os.close(self._heart)
        self._control = self._heart = -1
        killed = processes.kill_adopted()
        if code > LATER and self._worked:
            self._put_off(code, "no pool can start")
            return None
        if code >= 0 and code != os.EX_SOFTWARE:
            return code % LATER
        log.error("the pool died (%s); %d processes of its jobs killed", _cause(code), killed)
        self._notifier.unready(f"the pool died ({_cause(code)})")
        if self._stop_ms is not None:
            return os.EX_SOFTWARE
        self._plan_restart()
        return None

    def _put_off(self, code: int, what: str) -> None:
        """Try again later to start a pool; the pool itself says why it can't, once."""
        if self._told != code:
            self._told = code
            log.error("%s; tried again until it can", what)
            self._notifier.unready(what)
        self._plan_restart()

    def _plan_restart(self) -> None:
        now_ms = self._clock.monotonic_ms()
        stable = now_ms - self._born_ms > STABLE_MS
        self._pause_ms = FIRST_PAUSE_MS if stable else min(self._pause_ms * 2, LONGEST_PAUSE_MS)
        self._restart_ms = now_ms + (0 if stable else self._pause_ms // 2)


def _cause(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _be_pool(plan: Plan, control: int, pulse: int, clock: Clock, told: int) -> None:
    """Live as the pool and never return: what follows in the parent's code is not ours.

    `told`: the exit code whose reason the pool before has told.
    """
    code = os.EX_SOFTWARE
    try:
        for signum in SIGNALS - {signal.SIGCHLD}:
            if signal.getsignal(signum) is not signal.SIG_IGN:
                signal.signal(signum, environment.ignore)  # the supervisor decides, and tells us
        code = pool.main(plan, control, pulse, clock)
    except BaseException as error:  # noqa: BLE001 - the last frame of a process
        code = _account_for(error, told)
    finally:
        try:
            logging.shutdown()
        finally:
            os._exit(code)


def _account_for(error: BaseException, told: int) -> int:
    """Say why a pool ends, unless that was told; return its exit code."""
    missing = shortage.of(error)
    if missing is not None:
        error = Exhausted(f"the pool can't work: {missing}")
    if not isinstance(error, QueuectlError) or not isinstance(error, NO_SECOND_TRY + MAY_PASS):
        log.error("the pool failed", exc_info=error)
        return os.EX_SOFTWARE
    code = error.exit_code + LATER if isinstance(error, MAY_PASS) else error.exit_code
    if code != told:
        log.error("%s. %s", error, error.hint)
    return code
