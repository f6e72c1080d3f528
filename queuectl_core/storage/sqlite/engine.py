"""The SQLite engine: the Store contract over one apsw connection."""

from __future__ import annotations

import os

import apsw

from queuectl_core.lifecycle import State
from queuectl_core.run import Claim
from queuectl_core.storage.records import Count, DeadWorker, JobEvent, Result, WorkerRow
from queuectl_core.storage.sqlite import bell, history, horizon, presence, pruning, rows
from queuectl_core.storage.sqlite import jobs as steps
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite import statements_heads as heads_sql
from queuectl_core.storage.sqlite.changes import SqliteChanges
from queuectl_core.storage.sqlite.connection import backup, translated
from queuectl_core.storage.sqlite.doors import SqliteDoors
from queuectl_core.storage.sqlite.inline import SqliteInline
from queuectl_core.storage.sqlite.ledger import is_limited
from queuectl_core.storage.sqlite.queues import SqliteQueues
from queuectl_core.storage.sqlite.selections import SqliteSelections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.job import Job
    from queuectl_core.run import Attempt
    from queuectl_core.storage.records import NewWorker, Pruned
    from queuectl_core.storage.sqlite.rows import Row


class SqliteStore(SqliteSelections, SqliteQueues, SqliteChanges, SqliteInline, SqliteDoors):
    """All verbs of the contract. Their docstrings: storage/store.py."""

    def __init__(self, path: str, *, now_ms: int) -> None:
        super().__init__(path, now_ms=now_ms)
        self._presence: int | None = None

    # --- a job's life ---

    def finish_and_claim(
        self,
        results: Sequence[Result],
        *,
        worker: int,
        limit: int,
        now_ms: int,
        queues: Sequence[str] | None = None,
        ahead: int = 0,
    ) -> tuple[list[bool], list[Claim]]:
        with self._writing(now_ms) as ledger:
            if limit or ahead:
                self._refuse_newer()
            held = [steps.settle(ledger, result) for result in results]
            ledger.take_effect()  # what waited for these may be the next to claim
            if any(is_limited(ledger, queue) for queue in {one.claim.job.queue for one in results}):
                ledger.write_figures()  # by them a limit has room again
            claims = list(steps.claim_next(ledger, worker, queues, limit=limit, ahead=ahead))
        if any(map(steps.concerns_others, results)):
            ledger.woke = True
        self._tell(ledger)
        return held, claims

    def next_due_ms(self, *, queues: Sequence[str] | None = None) -> int | None:
        return horizon.next_due_ms(self._rows, queues)

    def unsettled(self, *, now_ms: int, queues: Sequence[str] | None = None) -> bool:
        if self._queues_in(heads_sql.IN_FLIGHT, queues) or self._has_left(now_ms):
            return True
        return horizon.any_due(self._rows, queues, now_ms)

    def cancel(self, numbers: Sequence[int], *, now_ms: int) -> list[State | None]:
        with self._writing(now_ms) as ledger:
            states = [steps.cancel(ledger, number) for number in numbers]
        if State.PROCESSING in states or ledger.woke:
            bell.ring(self._workers_dir)
        return states

    def cancel_requests(self, *, worker: int) -> list[int]:
        return [row[0] for row in self._rows(sql.CANCEL_REQUESTS, {"worker": worker})]

    def revive(
        self, numbers: Sequence[int], *, now_ms: int, due_ms: Sequence[int] | None = None
    ) -> list[State | None]:
        moments = [now_ms] * len(numbers) if due_ms is None else due_ms
        with self._writing(now_ms) as ledger:
            states = [steps.revive(ledger, *each) for each in zip(numbers, moments, strict=True)]
        bell.ring(self._workers_dir)
        return states

    def rescue(self, dead: DeadWorker, *, now_ms: int) -> list[Result]:
        from queuectl_core.retry import after_death  # noqa: PLC0415 - 0.7 ms of a cold enqueue

        with self._writing(now_ms) as ledger:
            claims = self._claims_of(dead.id)
            verdicts = after_death([claim.job for claim in claims])
            results = [
                Result(claim, steps.interrupted(claim.job, now_ms), verdict)
                for claim, verdict in zip(claims, verdicts, strict=True)
            ]
            for result in results:
                steps.settle(ledger, result)
            ledger.connection.execute(sql.DELETE_WORKER, {"id": dead.id})
        dead.release()
        bell.ring(self._workers_dir)
        return results

    # --- looking ---

    def job_by_number(self, number: int) -> Job | None:
        found = self._rows(sql.JOB_BY_NUMBER, {"number": number})
        return rows.job(found[0]) if found else None

    def job_by_id(self, job_id: str) -> Job | None:
        found = self._rows(sql.JOB_BY_ID, {"id": job_id})
        return rows.job(found[0]) if found else None

    def attempts(self, number: int) -> list[Attempt]:
        return [history.attempt(row) for row in self._rows(sql.ATTEMPTS, {"number": number})]

    def events(self, *, limit: int) -> list[JobEvent]:
        return [JobEvent._make(row) for row in self._rows(sql.EVENTS, {"limit": limit})]

    def counts(self) -> list[Count]:
        return [
            Count(queue, rows.state(state), jobs) for queue, state, jobs in self._rows(sql.COUNTS)
        ]

    # --- workers ---

    def register(self, worker: NewWorker, *, now_ms: int) -> int:
        presence.ensure_directory(self._workers_dir)
        for worker_id, hold in presence.free_ids(self._workers_dir):
            if self._value(sql.HAS_CLAIMS, {"worker": worker_id}):
                os.close(hold)  # a dead one's, not rescued yet
                continue
            values = worker._asdict() | {
                "id": worker_id,
                "queues": rows.listed(worker.queues),
                "now_ms": now_ms,
            }
            try:
                self._write(sql.INSERT_WORKER, values, now_ms)
            except BaseException:
                os.close(hold)
                raise
            self._presence = hold
            return worker_id
        raise AssertionError("free_ids has no end")

    def heartbeat(self, worker: int, *, stopping: bool, now_ms: int) -> None:
        self._write(
            sql.HEARTBEAT, {"id": worker, "stopping": int(stopping), "now_ms": now_ms}, now_ms
        )

    def workers(self) -> list[WorkerRow]:
        return [self._worker(row) for row in self._rows(sql.WORKERS)]

    def take_dead_workers(self) -> list[DeadWorker]:
        presence.ensure_directory(self._workers_dir)
        known = {
            row[0] for statement in (sql.WORKERS, sql.HOLDERS) for row in self._rows(statement)
        }
        dead: list[DeadWorker] = []
        try:
            for worker in sorted(known):
                hold = presence.try_hold(self._workers_dir, worker)
                if hold is not None:
                    dead.append(DeadWorker(worker, self._claims_of(worker), hold))
        except BaseException:  # for want of a descriptor, say: nobody could rescue them any more
            for found in dead:
                found.release()
            raise
        return dead

    def retire(self, worker: int) -> None:
        self._write(sql.DELETE_WORKER, {"id": worker}, 0)

    def bell(self, worker: int) -> bell.PipeBell:
        return bell.PipeBell(self._workers_dir, worker)

    # --- upkeep ---

    def prune(self, *, before_ms: int | None, keep: int | None, limit: int, now_ms: int) -> Pruned:
        with self._writing(now_ms) as ledger:
            pruned = pruning.forget_jobs(ledger, before_ms=before_ms, keep=keep, limit=limit)
            folded = before_ms is not None and pruning.fold_minutes(ledger, before_ms, limit)
        return pruned._replace(more=pruned.more or folded)

    def trim_log(self, *, above_bytes: int) -> int:
        try:
            return pruning.trim_log(self._connection, self._gate, self._path, above_bytes)
        except apsw.Error as error:
            raise translated(error, self._path, self._connection) from error

    def compact(self) -> tuple[int, int]:
        from queuectl_core.storage.sqlite import compacting  # noqa: PLC0415 - for one verb

        try:
            return compacting.compact(self._connection, self._gate, self._path)
        except apsw.Error as error:
            raise translated(error, self._path, self._connection) from error

    def backup(self, path: str) -> None:
        try:
            backup(self._connection, path)
        except apsw.Error as error:
            raise translated(error, path, self._connection) from error

    def close(self) -> None:
        super().close()
        if self._presence is not None:
            os.close(self._presence)
            self._presence = None

    # --- within ---

    def _write(self, statement: str, values: Mapping[str, apsw.SQLiteValue], now_ms: int) -> None:
        with self._writing(now_ms) as ledger:
            ledger.connection.execute(statement, values)

    def _value(self, statement: str, values: Mapping[str, apsw.SQLiteValue]) -> int:
        value: int = self._rows(statement, values)[0][0]
        return value

    def _queues_in(self, statement: str, queues: Sequence[str] | None) -> list[str]:
        """Return the queues that a statement finds, those among `queues` where these are given."""
        found = [row[0] for row in self._rows(statement)]
        return found if queues is None else [queue for queue in found if queue in queues]

    def _worker(self, row: Row) -> WorkerRow:
        worker = row[0]
        alive = presence.is_alive(self._workers_dir, worker)
        running = tuple(claim.job for claim in self._claims_of(worker))
        return WorkerRow._make([*history.worker(row), alive, running])

    def _claims_of(self, worker: int) -> list[Claim]:
        found = [rows.job(row) for row in self._rows(sql.CLAIMS_OF, {"worker": worker})]
        return [Claim(job, job.token or 0) for job in found]
