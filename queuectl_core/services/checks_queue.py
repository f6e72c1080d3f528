"""The doctor's checks of the queue file: what it is, whether it is whole, who works on it."""

from __future__ import annotations

from queuectl_core.durations import format_moment
from queuectl_core.records import Record
from queuectl_core.services.checks import MIB, Check, problem, size, warning, well
from queuectl_core.services.workers import SILENT_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.sqlite.examiner import SqliteExaminer
    from queuectl_core.storage.upkeep import Presence

    Answer = tuple[str, str, str]

LONG_LOG_BYTES = 64 * MIB
"""A log is written back at 1000 pages, 2 MB; one this long has a reader that never ends."""
AHEAD_MS = 60_000
NOTHING = "there is no queue yet: the first job makes it"


class Patient(Record):
    """The queue under examination. `there` is False where no queue was made yet."""

    examiner: SqliteExaminer
    now_ms: int
    there: bool

    def checks(self) -> list[Check]:
        """Return the checks in their order: from the file as a whole to what is in it."""
        checks = [Check("queue file", self._file)]
        if not self.there:
            return checks
        return [
            *checks,
            Check("schema", self._schema),
            Check("identity", self._identity),
            Check("integrity", self._integrity),
            Check("durability", self._durability),
            Check("counts", self._counts, self._recount),
            Check("waiting jobs", self._strays, self._let_strays_go),
            Check("lines", self._lines, self._find_lines),
            Check("schedules", self._schedules),
            Check("log", self._log, self._empty_log),
            Check("clock", self._clock),
            Check("workers", self._workers),
            Check("claims", self._claims),
        ]

    def _file(self) -> Answer:
        size_bytes = self.examiner.file_size()
        return well(NOTHING if size_bytes is None else size(size_bytes))

    def _schema(self) -> Answer:
        version, known = self.examiner.schema()
        if version < known:
            return warning(
                f"version {version}, this queuectl uses {known}",
                "the next command brings it up to date and keeps a copy of it",
            )
        return well(f"version {version}")

    def _identity(self) -> Answer:
        queue_id, noted = self.examiner.identities()
        if noted is None:
            return warning("the queue's id is not noted beside it", "the next command notes it")
        if noted != queue_id:
            return problem(
                f"this is not the queue that was here: its id is {queue_id}, noted is {noted}",
                "put the right file back: queuectl restore FILE",
            )
        return well(queue_id)

    def _integrity(self) -> Answer:
        damage = self.examiner.damage()
        if damage is not None:
            return problem(damage, "stop the workers, then: queuectl restore FILE")
        return well("every page is whole")

    def _durability(self) -> Answer:
        mode, synced = self.examiner.durability()
        if mode != "wal" or not synced:
            return problem(
                f"journal mode {mode}, commits {'' if synced else 'not '}on disk when they return",
                "make it anew: queuectl backup FILE, then queuectl restore --force FILE",
            )
        return well("write-ahead log, each commit on disk when it returns")

    # --- what is in it ---

    def _counts(self) -> Answer:
        wrong = self.examiner.miscounts()
        if not wrong:
            return well("as many as there are jobs")
        first = wrong[0]
        return problem(
            f"queue {first.queue} counts {first.counted} {first.state}, there are {first.found}"
            + (f"; {len(wrong) - 1} more are wrong" if len(wrong) > 1 else ""),
            "queuectl doctor --fix",
        )

    def _recount(self) -> Answer:
        wrong = self.examiner.miscounts()
        if not wrong:
            return self._counts()
        self.examiner.recount(now_ms=self.now_ms)
        return well(f"fixed: {len(wrong)} of them counted anew")

    def _strays(self) -> Answer:
        jobs, rows = self.examiner.strays(now_ms=self.now_ms)
        if jobs:
            named = ", ".join(f"#{number}" for number in jobs[:5]) + (" ..." if jobs[5:] else "")
            return problem(
                f"{len(jobs):,} wait for nothing that could let them go: {named}",
                "queuectl doctor --fix",
            )
        if rows:
            return warning(f"{rows:,} rows of jobs that wait no more", "queuectl doctor --fix")
        return well("each waits for something that is to come")

    def _let_strays_go(self) -> Answer:
        jobs, rows = self.examiner.strays(now_ms=self.now_ms)
        if not jobs and not rows:
            return self._strays()
        self.examiner.let_strays_go(now_ms=self.now_ms)
        return well(f"fixed: {len(jobs)} jobs go on, {rows} rows forgotten")

    def _lines(self) -> Answer:
        lost = self.examiner.lost_lines()
        if lost:
            return problem(f"jobs of queue {lost[0]} are overlooked", "queuectl doctor --fix")
        return well("each job that may start is found")

    def _find_lines(self) -> Answer:
        lost = self.examiner.lost_lines()
        if not lost:
            return self._lines()
        self.examiner.find_lines(now_ms=self.now_ms)
        return well(f"fixed: the jobs of {len(lost)} queues are found again")

    def _schedules(self) -> Answer:
        late = self.examiner.late_schedules(now_ms=self.now_ms)
        if late:
            named = ", ".join(late[:5]) + (" ..." if late[5:] else "")
            return warning(f"late: {named}", "queuectl schedule check")
        return well("none is late")

    def _log(self) -> Answer:
        size_bytes = self.examiner.log_size()
        if size_bytes > LONG_LOG_BYTES:
            return warning(
                f"{size(size_bytes)} wait to be written into the queue file",
                "end commands that read for long (backup, logs --follow), then doctor --fix",
            )
        return well(size(size_bytes))

    def _empty_log(self) -> Answer:
        size_bytes = self.examiner.log_size()
        if size_bytes > LONG_LOG_BYTES and self.examiner.empty_log():
            return well(f"fixed: {size(size_bytes)} written into the queue file")
        return self._log()

    def _clock(self) -> Answer:
        newest_ms = self.examiner.newest_event_ms()
        if newest_ms is not None and newest_ms > self.now_ms + AHEAD_MS:
            return warning(
                f"the last events are of the future: {format_moment(newest_ms)}",
                "set the clock right; new jobs may seem older than they are",
            )
        return well("no event is of the future")

    def _workers(self) -> Answer:
        known = [one for one in self.examiner.presences() if one.seen_at_ms is not None]
        dead = [one for one in known if not one.alive]
        silent = [one for one in known if one.alive and self._is_silent(one)]
        if silent:
            return warning(
                f"alive, but not heard of for {SILENT_MS // 1000} s: worker {_listed(silent)}",
                "see its log; queuectl worker stop, then start it again",
            )
        if dead:
            return warning(
                f"died: worker {_listed(dead)}, with {_jobs_of(dead)}",
                "a running worker takes them back within seconds: queuectl worker start",
            )
        return well(f"{len(known)} at work")

    def _is_silent(self, one: Presence) -> bool:
        return one.seen_at_ms is not None and self.now_ms - one.seen_at_ms > SILENT_MS

    def _claims(self) -> Answer:
        unknown = [one for one in self.examiner.presences() if one.seen_at_ms is None]
        if unknown:
            return warning(
                f"{_jobs_of(unknown)} held by worker {_listed(unknown)}, which nobody knows",
                "the next worker takes them back: queuectl worker start",
            )
        return well("every running job has its worker")


def _jobs_of(workers: list[Presence]) -> str:
    jobs = sum(one.claims for one in workers)
    return f"{jobs:,} {'job' if jobs == 1 else 'jobs'}"


def _listed(workers: list[Presence]) -> str:
    return ", ".join(str(one.worker) for one in workers)
