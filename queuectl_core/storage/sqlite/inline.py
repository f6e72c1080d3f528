"""Running one job at once, by whoever adds it, on the SQLite engine."""

from __future__ import annotations

from queuectl_core.lifecycle import TRANSITIONS, State
from queuectl_core.storage.sqlite import jobs as steps
from queuectl_core.storage.sqlite import limits
from queuectl_core.storage.sqlite.connection import SCHEMA_VERSION, newer_version
from queuectl_core.storage.sqlite.intake import SqliteIntake, add
from queuectl_core.storage.sqlite.ledger import Place, is_limited
from queuectl_core.storage.sqlite.statements import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.job import Enqueued, NewJob
    from queuectl_core.run import Claim
    from queuectl_core.storage.records import Result


class SqliteInline(SqliteIntake):
    """Docstrings of the verbs: storage/inline.py."""

    def enqueue_and_claim(
        self, job: NewJob, *, worker: int, now_ms: int, on_conflict: str = "error"
    ) -> Claim | Enqueued:
        with self._writing(now_ms) as ledger:
            self._refuse_newer()
            (added,) = add(ledger, [job], on_conflict)
            if not added.created:
                return added
            limits.refuse_run(ledger, job.queue)
            if job.flow is not None and job.flow.mutex is not None:
                from queuectl_core.storage.sqlite import mutexes  # noqa: PLC0415 - few have one

                mutexes.take(ledger, added.number, job.flow.mutex)
            place = Place(added.number, State.PENDING, job.queue)
            claim = steps.claim_one(ledger, worker, place)
            if is_limited(ledger, job.queue):
                limits.note_start(ledger, job.queue)
        if claim is None:
            raise AssertionError("a job that nobody else can have seen was not there to claim")
        return claim

    def finish_and_reclaim(self, result: Result, *, worker: int, now_ms: int) -> Claim | None:
        job, target = result.claim.job, TRANSITIONS[result.verdict.event][1]
        with self._writing(now_ms) as ledger:
            self._refuse_newer()
            if not steps.settle(ledger, result):
                return None
            ledger.take_effect()  # hooks are told of the failure, not of the start after it
            if limits.has_rate(ledger, job.queue):
                return None  # nobody can promise a token for a moment to come
            place = Place(job.number, target, job.queue)
            due_ms: int | None = getattr(result.verdict, "run_at_ms", None)
            return steps.claim_one(ledger, worker, place, starts_at_ms=due_ms)

    def _refuse_newer(self) -> None:
        """Claim nothing from a queue that a newer version has migrated since we opened it."""
        version: int = self._connection.execute(VERSION).get
        if version > SCHEMA_VERSION:
            raise newer_version(self._path, version)
