"""Why a job stands where it stands: what it waits for and until when, or how it ended.

A list of small rules, asked in their order; the first one that has an answer gives it. Whatever can
hold a job back adds its rule to RULES, before those on workers, and nothing else.
"""

from __future__ import annotations

from queuectl_core import flow, limits
from queuectl_core.lifecycle import State
from queuectl_core.records import Record
from queuectl_core.retry import HELD
from queuectl_core.services import queues, waiting
from queuectl_core.services.jobs import moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from queuectl_core.job import Job
    from queuectl_core.storage.records import WorkerRow
    from queuectl_core.storage.store import Store

    Rule = Callable[["Scene"], "Reason | None"]

MOST_AHEAD = 10_000
SHOWN = 3
_ENDS = {
    "poison": "was buried since its worker died too often while it ran",
    HELD: "was held for a person to look at since its worker died while it ran",
    "interrupted": "was buried since its worker died while it ran, and it must not repeat",
}

_CANCELS = {
    "replaced": "was replaced by a new job with its id or unique key",
    flow.REASONS[flow.DEPENDENCY]: "was cancelled since a job that it waited for ended otherwise",
    flow.EXPIRED: "expired: it was not started in its time",
}


class Reason(Record):
    """The answer. `code` never changes; `text` reads on with the moment `at_ms`, if there is one.

    `hint` is what to type next, or empty.
    """

    code: str
    text: str
    at_ms: int | None = None
    hint: str = ""


class Scene(Record):
    """A job and what a rule may look at."""

    job: Job
    store: Store
    workers: Sequence[WorkerRow]
    now_ms: int

    @property
    def takers(self) -> list[WorkerRow]:
        """The live workers that serve the job's queue."""
        return [worker for worker in self.workers if worker.alive and serves(worker, self.job)]


def serves(worker: WorkerRow, job: Job) -> bool:
    """Tell whether a worker takes jobs of this one's queue."""
    return worker.queues is None or job.queue in worker.queues


def why(store: Store, jobs: Sequence[Job], *, now_ms: int) -> list[Reason]:
    """Return for each job why it stands where it stands."""
    workers = store.workers()
    return [_reason_of(Scene(job, store, workers, now_ms)) for job in jobs]


def _reason_of(scene: Scene) -> Reason:
    """Return the first rule's answer."""
    for rule in RULES:
        reason = rule(scene)
        if reason is not None:
            return reason
    return Reason("due", "is due; a worker takes it in a moment")


def record(job: Job, reason: Reason) -> dict[str, object]:
    """Return what the world sees of an answer."""
    at = moment(reason.at_ms)
    return {
        "id": job.name,
        "number": job.number,
        "state": job.state,
        "why": reason.code,
        "text": reason.text if at is None else f"{reason.text} {at}",
        "at": at,
        "hint": reason.hint or None,
    }


def _completed(scene: Scene) -> Reason | None:
    job = scene.job
    if job.state is not State.COMPLETED:
        return None
    return Reason("completed", "completed", job.finished_at_ms, f"queuectl logs {job.name}")


def _dead(scene: Scene) -> Reason | None:
    job = scene.job
    if job.state is not State.DEAD:
        return None
    what = _ENDS.get(job.reason or "", f"failed for good in attempt {job.attempts}{_cause(job)},")
    return Reason("dead", what, job.finished_at_ms, f"queuectl dlq retry {job.name}")


def _cancelled(scene: Scene) -> Reason | None:
    job = scene.job
    if job.state is not State.CANCELLED:
        return None
    what = _CANCELS.get(job.reason or "", "was cancelled")
    return Reason("cancelled", what, job.finished_at_ms, f"queuectl retry {job.number}")


def _running(scene: Scene) -> Reason | None:
    job = scene.job
    if job.state is not State.PROCESSING:
        return None
    holder = next((one for one in scene.workers if one.id == job.worker and one.alive), None)
    if holder is None:
        return Reason(
            "worker_died",
            f"was running on worker {job.worker}, which died; the next worker takes care of it",
            hint="queuectl worker start" if not scene.takers else "",
        )
    where = f"on worker {holder.id}" if holder.takes_jobs else "in a queuectl run of its own"
    attempt = f"{where}, attempt {job.attempts} of {max(job.max_retries, 1)}"
    if job.cancel_requested:
        return Reason("stopping", f"is being stopped by a user, {attempt}, started",
                      job.started_at_ms)  # fmt: skip
    return Reason("running", f"runs {attempt}, since", job.started_at_ms,
                  f"queuectl logs -f {job.name}")  # fmt: skip


def _blocked(scene: Scene) -> Reason | None:
    """Tell of a person, of other jobs or of a mutex that a job waits for, due or not."""
    job = scene.job
    until = waiting.reason_of(scene.store, job, scene.now_ms)
    if until is None:
        return None
    if (job.blocked or 0) & flow.HELD:
        return Reason("held", "is held back", hint=f"queuectl release {job.name}")
    return Reason(flow.reason(job.blocked or 0), f"waits {until}")


def _retries_later(scene: Scene) -> Reason | None:
    job = scene.job
    if job.state is not State.FAILED or job.run_at_ms <= scene.now_ms:
        return None
    done = f"failed in attempt {job.attempts} of {job.max_retries}{_cause(job)}"
    return Reason("retry_later", f"{done}; runs again at", job.run_at_ms,
                  f"queuectl retry {job.name}")  # fmt: skip


def _due_later(scene: Scene) -> Reason | None:
    if scene.job.run_at_ms <= scene.now_ms:
        return None
    return Reason("due_later", "waits for its time,", scene.job.run_at_ms)


def _paused(scene: Scene) -> Reason | None:
    pauses = queues.pauses_of(scene.store, scene.job.queue)
    if not pauses:
        return None
    one = pauses[0]
    what, name = ("all queues are", "") if one.queue is None else ("its queue is", f" {one.queue}")
    cause = f" ({one.reason})" if one.reason else ""
    text = f"is due, but {what} paused by {one.by}{cause}, since"
    return Reason("paused", text, one.at_ms, f"queuectl resume{name}")


def _queue_full(scene: Scene) -> Reason | None:
    row = queues.row_of(scene.store, scene.job.queue)
    if row.waits(scene.now_ms) != limits.REASONS[limits.FULL]:
        return None
    running = [
        job.name
        for worker in scene.workers
        for job in worker.running
        if job.queue == scene.job.queue
    ]
    names = ", ".join(running[:SHOWN]) + (" and others" if running[SHOWN:] else "")
    count, most = row.counts[State.PROCESSING], row.limits.concurrency
    text = f"is due, but its queue {row.name} runs {count:,} of {most:,} jobs at once: {names}"
    return Reason("concurrency", text, hint=f"queuectl queue set {row.name} --concurrency N")


def _rate_spent(scene: Scene) -> Reason | None:
    row = queues.row_of(scene.store, scene.job.queue)
    opens_at_ms = row.opens_at_ms(scene.now_ms)
    if opens_at_ms is None:
        return None
    text = f"is due, but its queue {row.name} has used up its rate, {row.limits.rate}, until"
    return Reason("rate", text, opens_at_ms, f"queuectl queue set {row.name} --rate N/PERIOD")


def _suspect(scene: Scene) -> Reason | None:
    until = waiting.suspicion(scene.store, scene.job)
    return None if until is None else Reason("suspect", f"waits {until}")


def _no_worker(scene: Scene) -> Reason | None:
    if any(worker.alive and worker.takes_jobs for worker in scene.workers):
        return None
    return Reason("no_worker", "is due, but no worker runs", hint="queuectl worker start")


def _queue_not_served(scene: Scene) -> Reason | None:
    if scene.takers:
        return None
    queue = scene.job.queue
    return Reason(
        "queue_not_served",
        f'is due, but no worker serves its queue "{queue}"',
        hint=f"queuectl worker start --queue {queue}",
    )


def _workers_stop(scene: Scene) -> Reason | None:
    if not all(worker.stopping for worker in scene.takers):
        return None
    return Reason(
        "workers_stop", "is due, but the workers are stopping", hint="queuectl worker start"
    )


def _threads_busy(scene: Scene) -> Reason | None:
    takers = [worker for worker in scene.takers if not worker.stopping]
    threads = sum(worker.threads for worker in takers)
    if sum(worker.busy for worker in takers) < threads:
        return None
    text = "is due, but the one thread for its queue is busy"
    if threads > 1:
        text = f"is due, but all {threads} threads for its queue are busy"
    ahead = _ahead(scene)
    return Reason("threads_busy", f"{text}; {ahead}" if ahead else f"{text}; it is next")


def _behind_others(scene: Scene) -> Reason | None:
    ahead = _ahead(scene)
    return Reason("behind_others", f"is due; {ahead}") if ahead else None


def _ahead(scene: Scene) -> str:
    """Say how many jobs a worker takes before this one; nothing when it is the next."""
    queues: set[str] | None = set()
    for worker in scene.takers:
        queues = None if queues is None or worker.queues is None else queues.union(worker.queues)
    count = scene.store.insight().ahead(
        scene.job,
        queues=None if queues is None else sorted(queues),
        now_ms=scene.now_ms,
        most=MOST_AHEAD + 1,
    )
    if not count:
        return ""
    many = f"more than {MOST_AHEAD:,}" if count > MOST_AHEAD else f"{count:,}"
    return "1 job goes first" if count == 1 else f"{many} jobs go first"


def _cause(job: Job) -> str:
    """Return how the last run ended, in parentheses."""
    if job.reason == "timeout":
        return " (timeout)"
    if job.error:
        return f" ({job.error})"
    if job.reason == "verify":
        return " (its check failed)"
    return f" (signal {job.signal})" if job.exit_code is None else f" (exit code {job.exit_code})"


RULES: tuple[Rule, ...] = (
    # how it ended
    _completed,
    _dead,
    _cancelled,
    # it runs
    _running,
    # it waits for somebody else
    _blocked,
    # it waits for a moment
    _retries_later,
    _due_later,
    # it is due: may it start
    _paused,
    _suspect,
    _queue_full,
    _rate_spent,
    # who could take it
    _no_worker,
    _queue_not_served,
    _workers_stop,
    _threads_busy,
    _behind_others,
)
