"""The pool's process: N worker threads, and the main thread as their caretaker.

The caretaker owns what is not a job: the bell, the heartbeat, rescues, wishes to cancel, new
settings, the stop.
"""

from __future__ import annotations

import logging
import os
import select

from queuectl_core import __version__, durations, home, machine, retry
from queuectl_core.errors import BadConfig, QueuectlError, StorageDamaged, StorageFull
from queuectl_core.run import Ending, Outcome
from queuectl_core.storage import open_store
from queuectl_core.storage.records import NewWorker, Result
from queuectl_core.worker import (
    environment,
    limits,
    notify,
    processes,
    rescuer,
    shortage,
    worklog,
)
from queuectl_core.worker.auditor import Auditor
from queuectl_core.worker.crew import Crew
from queuectl_core.worker.pruner import Pruner
from queuectl_core.worker.reserve import Reserve, path_beside
from queuectl_core.worker.ticker import Ticker
from queuectl_core.worker.trimmer import Trimmer
from queuectl_core.worker.waker import Waker
from queuectl_core.worker.worker import Worker, hired

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl_core.clock import Clock
    from queuectl_core.storage.store import Store
    from queuectl_core.worker.plan import Plan

GRACEFUL, NOW = b"g", b"n"
"""What the supervisor says over the control pipe; its end means that the supervisor died."""
RESCUE_EVERY_MS = 2_000
HEARTBEAT_EVERY_MS = 10_000
TEND_EVERY_MS = 1_000
REFILL_EVERY_MS = 3_000
TRIM_EVERY_MS = 5_000
PRUNE_EVERY_MS = 60_000
EMPTY = (0, 0)
"""The stamp of settings that an editor writes just now: an empty file would mean no settings."""
PRUNE_PAUSE_MS = 200
"""Between two slices of a round: pruning takes a fifth of the time at most."""
log = logging.getLogger(__name__)


class _Chore:
    """Something to do every so often."""

    def __init__(self, every_ms: int, do: Callable[[], None]) -> None:
        self.every_ms = every_ms
        self.do = do
        self.next_ms = 0

    def see_to(self, now_ms: int) -> None:
        """Do it when its time has come."""
        if self.next_ms <= now_ms:
            self.next_ms = now_ms + self.every_ms
            self.do()


class Pool:
    """Lives in a process of its own, from `run` to its end."""

    def __init__(self, plan: Plan, *, control: int, clock: Clock, pulse: int = -1) -> None:
        self._plan = plan
        self._control = control
        self._pulse_fd = pulse
        self._clock = clock
        self._reserve = Reserve(path_beside(plan.db_path))
        self._store: Store = open_store(plan.db_path, now_ms=clock.now_ms())
        rescuer.rescue_all(self._store, clock, self._reserve)
        self._id = self._reserve.through(self._register)
        worklog.write_to(f"{plan.logs_dir}/worker-{self._id}.log")
        if plan.detached:
            worklog.leave_terminal()
        self._bell = self._store.bell(self._id)
        self._reserve.create()
        self._crew = Crew(
            plan,
            turnstile=limits.turnstile(plan, worker=self._id, clock=clock, reserve=self._reserve),
            clock=clock,
        )
        self._workers: list[Worker] = []
        self._orphans = processes.Orphans()
        self._force_at_ms: int | None = None
        self._told_ms: int | None = None
        self._config_seen: tuple[int, int] | None = None  # read anew: settings may be old
        self._pulse = _Chore(HEARTBEAT_EVERY_MS, self._heartbeat)
        self._pruner = Pruner(self._store, plan.logs_dir, clock)
        self._auditor = Auditor(self._store, plan, clock)
        self._pruning = _Chore(PRUNE_EVERY_MS, self._prune)
        self._ticker = Ticker(self._store, plan.logs_dir, clock)
        self._ticking = _Chore(TEND_EVERY_MS, self._tick)
        self._chores = [
            _Chore(TEND_EVERY_MS, self._beat),  # before all that may raise
            _Chore(TEND_EVERY_MS, self._end_shortage),
            self._ticking,
            _Chore(REFILL_EVERY_MS, self._refill),
            _Chore(RESCUE_EVERY_MS, self._rescue),
            self._pulse,
            _Chore(TEND_EVERY_MS, self._tend),
            _Chore(TEND_EVERY_MS, lambda: self._auditor.look(self._is_idle)),
            _Chore(TEND_EVERY_MS, Waker(self._store, clock).look),
            _Chore(TRIM_EVERY_MS, Trimmer(self._store, clock).look),
            self._pruning,
        ]

    def run(self) -> int:
        """Work until told to stop, or until drained; return the exit code."""
        self._hire()
        log.info("worker %d: %s, process %d", self._id, self._plan.size, os.getpid())
        poll = select.poll()
        for ear in (self._control, self._bell, self._crew.buzzer):
            poll.register(ear, select.POLLIN)
        while not all(worker.done.is_set() for worker in self._workers):
            try:
                self._turn({fd for fd, _ in poll.poll(self._patience_ms())})
            except StorageDamaged as error:
                self._crew.fail(error)
                self._give_up()  # also when there is no turn any more that could
            except (QueuectlError, OSError, RuntimeError, MemoryError) as error:
                self._crew.put_off(error, TEND_EVERY_MS)
        return self._close()

    def _hire(self) -> None:
        """Start all threads, or end with Exhausted: none claims a job before it is known."""
        self._crew.shortage.hold()
        try:
            for slot in range(1, self._plan.threads + 1):
                self._workers.append(hired(self._crew, slot))
        except (OSError, RuntimeError, MemoryError) as error:
            self._store.retire(self._id)
            raise shortage.translated(error, f"{self._plan.threads} threads can't start") from error
        self._crew.shortage.release()
        self._crew.room.ring()

    def _register(self) -> int:
        return self._store.register(
            NewWorker(
                host=machine.host(),
                pid_space=machine.pid_space(),
                supervisor_pid=os.getppid(),
                pool_pid=os.getpid(),
                threads=self._plan.threads,
                queues=self._plan.queues,
                version=__version__,
                name=self._plan.order.name,
            ),
            now_ms=self._clock.now_ms(),
        )

    # --- one turn of the caretaker ---

    def _turn(self, ready: set[int]) -> None:
        self._hear(ready)
        now_ms = self._clock.monotonic_ms()
        for chore in self._chores:
            chore.see_to(now_ms)
        if self._force_at_ms is not None and now_ms >= self._force_at_ms:
            self._force()
        if self._crew.failure is not None:
            self._give_up()

    def _give_up(self) -> None:
        self._stop()
        if isinstance(self._crew.failure, StorageDamaged) and not self._crew.forced.is_set():
            self._force()  # no result can be recorded any more

    def _hear(self, ready: set[int]) -> None:
        if self._control in ready:
            self._obey(os.read(self._control, 64))
        if self._bell.fileno() in ready:
            self._bell.clear()
            self._ticking.next_ms = 0  # a schedule may be new
            self._crew.room.ring()
            self._cancel()
        if self._crew.buzzer.fileno() in ready:
            self._crew.buzzer.clear()
            self._ticking.see_to(self._clock.monotonic_ms())  # or there would seem to be no work
            self._look_after_drain()

    def _patience_ms(self) -> int:
        """Return how long nothing needs us: until a chore, a look, or a job that comes due."""
        now_ms = self._clock.monotonic_ms()
        moments = [chore.next_ms for chore in self._chores]
        if self._force_at_ms is not None:
            moments.append(self._force_at_ms)
        wait_ms = min(min(moments) - now_ms, int(self._crew.settings.worker_poll_interval * 1000))
        if not self._crew.stopping.is_set():
            wait_ms = min(wait_ms, self._until_due_ms())
        return max(0, wait_ms)

    def _until_due_ms(self) -> int:
        """Return the time until a job comes due; one that is due already wakes the idle at once."""
        due_ms = self._store.next_start_ms(queues=self._plan.queues)
        if due_ms is None:
            return TEND_EVERY_MS
        until_ms = due_ms - self._clock.now_ms()
        if until_ms <= 0:
            self._crew.room.ring()
            return TEND_EVERY_MS
        return until_ms

    # --- stopping ---

    def _obey(self, words: bytes) -> None:
        if not words:
            log.warning("worker %d: the supervisor died; stopping", self._id)
            self._control = self._unhear(self._control)
        self._stop()
        if NOW in words:
            self._force()

    def _unhear(self, fd: int) -> int:
        """Put a pipe that never ends in place of one that has ended, so that it stops waking us."""
        ear, _ = os.pipe2(os.O_CLOEXEC)
        os.dup2(ear, fd, inheritable=False)
        return fd

    def _stop(self) -> None:
        """Claim nothing more; running jobs get their time."""
        if self._crew.stopping.is_set():
            return
        self._crew.stopping.set()
        stop_ms = int(self._crew.settings.stop_timeout * 1000)
        self._force_at_ms = self._clock.monotonic_ms() + stop_ms
        self._crew.room.ring()
        running = sum(1 for worker in self._workers if worker.claim is not None)
        if running:
            seconds = stop_ms // 1000
            text = "worker %d: stopping; %d running jobs have %d s (Ctrl-C again ends them now)"
            log.info(text, self._id, running, seconds)
        self._pulse.next_ms = 0  # tell others that we stop, with the next turn

    def _force(self) -> None:
        """Give back what still runs: the job is ended, its start does not count."""
        self._force_at_ms = None
        self._crew.forced.set()
        for worker in self._workers:
            claim = worker.claim
            if claim is not None:
                what = "goes back to the queue" if claim.job.on_crash == "retry" else "is dead"
                log.warning("job %s: ended by the stop; it %s", claim.job.name, what)
                worker.stopper.stop(claim.token, Ending.RELEASED)

    def _look_after_drain(self) -> None:
        if self._crew.turnstile.used_up and not self._crew.stopping.is_set():
            log.info("worker %d: took its %d jobs", self._id, self._plan.order.max_jobs)
            self._crew.stopping.set()  # without a deadline: what runs has its own
            self._crew.room.ring()
        if not self._plan.drain or self._crew.stopping.is_set():
            return
        if not self._store.unsettled(now_ms=self._clock.now_ms(), queues=self._plan.queues):
            log.info("worker %d: drained", self._id)
            self._stop()
        elif not self._running():
            self._tell_of_retries()

    def _tell_of_retries(self) -> None:
        """Say once for each moment what a draining worker without work stays for."""
        due_ms = self._store.next_start_ms(queues=self._plan.queues)
        if due_ms is None or due_ms == self._told_ms or due_ms <= self._clock.now_ms():
            return
        self._told_ms = due_ms
        when = durations.format_moment(due_ms)
        log.info("worker %d: stays for jobs that wait for a retry; next at %s", self._id, when)

    # --- chores ---

    def _beat(self) -> None:
        notify.beat(self._pulse_fd)

    def _end_shortage(self) -> None:
        if self._crew.shortage.tend():
            self._crew.room.ring()

    def _tick(self) -> None:
        """Make the jobs of schedules that are due; one that stops leaves that to another worker."""
        if self._reserve.disk_is_full:
            return  # it would take what is for results
        if self._crew.stopping.is_set():
            self._ticker.leave()
            return
        retries, pause_ms = self._crew.settings.max_retries, TEND_EVERY_MS
        wait_ms = self._ticker.look(max_retries=retries, pause_ms=pause_ms)
        self._ticking.next_ms = self._clock.monotonic_ms() + wait_ms

    def _rescue(self) -> None:
        rescuer.rescue_all(self._store, self._clock, self._reserve)

    def _refill(self) -> None:
        if self._reserve.refill():
            self._crew.room.ring()

    def _heartbeat(self) -> None:
        if self._reserve.disk_is_full:
            return  # it would take what is for results
        self._store.heartbeat(
            self._id, stopping=self._crew.stopping.is_set(), now_ms=self._clock.now_ms()
        )

    def _tend(self) -> None:
        self._replace_dead()
        self._cancel()
        self._reload_settings()
        self._look_after_drain()
        self._orphans.end_unowned(self._running)

    def _is_idle(self) -> bool:
        """Tell whether every thread would take a job if there were one."""
        waits = self._reserve.disk_is_full or self._crew.shortage.admits is not None
        return not (waits or self._crew.stopping.is_set() or self._running())

    def _prune(self) -> None:
        """Do a slice; while stopping too, or workers that drain once a minute would never prune."""
        settings = self._crew.settings
        if self._reserve.disk_is_full:
            # files go; to forget jobs gives the disk nothing and takes what is for results
            settings = settings._replace(keep_finished_days=0, keep_finished_count=0)
        if self._pruner.work(settings):
            self._pruning.next_ms = self._clock.monotonic_ms() + PRUNE_PAUSE_MS

    def _running(self) -> dict[int, bool]:
        """Return the tokens of the jobs that run, and whether each may leave processes behind."""
        claims = [claim for worker in self._workers if (claim := worker.claim) is not None]
        return {
            claim.token: bool(options and options.allow_background)
            for claim in claims
            for options in [claim.job.options]
        }

    def _cancel(self) -> None:
        wanted = set(self._store.cancel_requests(worker=self._id))
        for worker in self._workers:
            claim = worker.claim
            if claim is not None and claim.token in wanted:
                worker.stopper.stop(claim.token, Ending.CANCELLED)
        withdrawn = self._crew.shelf.withdraw(wanted)
        if withdrawn:
            results = [
                Result(claim, Outcome(Ending.CANCELLED), retry.Stop()) for claim in withdrawn
            ]
            self._crew.turnstile.swap(self._store, results, wants=False)

    def _replace_dead(self) -> None:
        """Put a new thread in the place of one that died of a bug.

        What it ran counts as a crash.
        """
        for index, worker in enumerate(self._workers):
            if not worker.done.is_set() or self._crew.stopping.is_set():
                continue
            owed = [*worker.unrecorded(), *self._interrupted(worker)]
            self._workers[index] = hired(self._crew, worker.slot, owed)
            worker.stopper.close()
            log.error("thread %s died; another takes its place", worker.name)

    def _interrupted(self, worker: Worker) -> list[Result]:
        """Return the result of what a thread ran when it died."""
        claim = worker.claim
        if claim is None or any(claim == result.claim for result in worker.unrecorded()):
            return []
        outcome = Outcome(Ending.INTERRUPTED, error="its worker thread died")
        return [Result(claim, outcome, retry.after_crash(claim.job))]

    def _reload_settings(self) -> None:
        """Take new settings while running; keep the last good ones when the file is broken."""
        stamp = self._config_stamp()
        if stamp in {self._config_seen, EMPTY}:
            return
        self._config_seen = stamp
        try:
            settings = home.read_settings(self._plan.home, self._plan.environ)
        except BadConfig as error:
            log.warning("the last good settings stay in force: %s", error)
            return
        if settings != self._crew.settings:
            self._crew.settings = settings
            log.info("new settings taken")

    def _config_stamp(self) -> tuple[int, int] | None:
        try:
            details = os.stat(self._plan.home.config_path)
        except OSError:
            return None
        return (details.st_mtime_ns, details.st_ino) if details.st_size else EMPTY

    def _close(self) -> int:
        self._bell.close()
        if self._crew.failure is not None:
            log.error("worker %d: %s. %s", self._id, self._crew.failure, self._crew.failure.hint)
            return self._crew.failure.exit_code
        try:
            self._store.retire(self._id)
        except StorageFull:  # the next worker forgets us
            self._reserve.declare_full()
        self._store.close()
        log.info("worker %d: stopped", self._id)
        return 0


def main(plan: Plan, control: int, pulse: int, clock: Clock) -> int:
    """Be the pool's process: isolate the jobs to come, then work. Returns the exit code.

    `control` is the pipe that the supervisor speaks on, `pulse` the one that it hears beats on.
    """
    processes.become_subreaper()
    environment.isolate_jobs()
    return Pool(plan, control=control, clock=clock, pulse=pulse).run()
