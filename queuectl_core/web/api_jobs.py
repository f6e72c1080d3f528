"""/api/v1/jobs: list, add, look, edit, remove, and what can be done to one."""

from __future__ import annotations

from queuectl_core import joblog
from queuectl_core.errors import BadData, NotFound
from queuectl_core.lifecycle import State
from queuectl_core.services import (
    again,
    changes,
    editing,
    intake,
    jobs,
    reasons,
    selections,
    waiting,
)
from queuectl_core.web import api_answers as answers
from queuectl_core.web.facts import Answer, Role
from queuectl_core.web.routes import Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.durations import Naive
    from queuectl_core.job import Job, NewJob
    from queuectl_core.selection import Selection
    from queuectl_core.services.changes import Batch
    from queuectl_core.services.intake import Defaults
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Values

WORDS = selections.Words._fields
CONFLICTS = ("error", "skip", "replace")
MOST_OUTPUT_BYTES = 1 << 18


def find(facts: Facts, store: Store) -> Job:
    """Return the job of the path; NotFound where there is none."""
    return jobs.find(store, facts.args["id"])


def selection_of(words: Values, facts: Facts) -> Selection:
    """Return what a query selects, by the words of `queuectl list`."""
    given = {name: words.given(name) for name in WORDS}
    return selections.parse(selections.Words(**given), now_ms=facts.now_ms, naive=_naive(facts))


def _naive(facts: Facts) -> Naive:
    return "utc" if facts.context.settings.naive_time == "utc" else "local"


def defaults(facts: Facts) -> Defaults:
    """Return what a new job gets that it does not say itself."""
    return intake.Defaults(facts.context.settings.max_retries, facts.now_ms, None, _naive(facts))


def list_jobs(facts: Facts, store: Store, query: Values) -> Answer:
    """List the selected jobs, the newest first."""
    selected = selection_of(query, facts)
    found = store.select(selected, below=answers.below_of(query), limit=answers.limit_of(query))
    return answers.page([answers.job_record(job, facts) for job in found.jobs], found.below)


def add(facts: Facts, store: Store, _form: Values) -> Answer:
    """Add a job, or all jobs of a list in one transaction."""
    on_conflict = facts.query.get("on_conflict", "error")
    if on_conflict not in CONFLICTS:
        raise BadData(f'on_conflict can\'t be "{on_conflict[:60]}"', hint=", ".join(CONFLICTS))
    new = intake.new_jobs(answers.bodies_of(facts), defaults(facts))
    return _added(facts, store, new, on_conflict)


def _added(facts: Facts, store: Store, new: Sequence[NewJob], on_conflict: str) -> Answer:
    added = store.enqueue(new, now_ms=facts.now_ms, on_conflict=on_conflict)
    items = [
        {
            "id": one.name,
            "number": one.number,
            "created": one.created,
            "run_at": jobs.moment(one.run_at_ms),
        }
        for one in added
    ]
    if len(items) > 1 or facts.body.lstrip().startswith(b"["):
        return answers.answer({"items": items}, status=201)
    where = f"{facts.base_path}/api/v1/jobs/{added[0].name}"
    return answers.answer(
        items[0], status=201 if added[0].created else 200, headers=[("Location", where)]
    )


def show(facts: Facts, store: Store, _query: Values) -> Answer:
    """Show a job."""
    return _shown(find(facts, store), facts)


def _shown(job: Job, facts: Facts) -> Answer:
    return answers.answer(answers.job_record(job, facts))


def edit(facts: Facts, store: Store, _form: Values) -> Answer:
    """Give a job that waits other values; null gives a field its default back."""
    job = find(facts, store)
    answers.check_match(facts, _shown(job, facts))
    fields = editing.checked(answers.body_of(facts), defaults(facts))
    if not fields:
        raise BadData("nothing is to be changed")
    return _changed(changes.edit(store, [job], fields, now_ms=facts.now_ms), facts, store)


def _changed(batch: Batch, facts: Facts, store: Store) -> Answer:
    """Return the one job as it is now, or raise why it was refused."""
    if batch.refused:
        raise batch.refused[0].error
    return _shown(jobs.find(store, f"#{batch.changed[0].number}"), facts)


def remove(facts: Facts, store: Store, _form: Values) -> Answer:
    """Forget a job that has ended, with its output."""
    batch = changes.remove(
        store, [find(facts, store)], logs_dir=facts.context.logs_dir, now_ms=facts.now_ms
    )
    if batch.refused:
        raise batch.refused[0].error
    return answers.nothing()


def retry(facts: Facts, store: Store, _form: Values) -> Answer:
    """Run a job again, attempts from zero."""
    batch = changes.retry(store, [find(facts, store)], now_ms=facts.now_ms)
    return _changed(batch, facts, store)


def cancel(facts: Facts, store: Store, _form: Values) -> Answer:
    """Cancel a job that waits; one that runs is told to stop."""
    batch = changes.cancel(store, [find(facts, store)], now_ms=facts.now_ms)
    return _changed(batch, facts, store)


def hold(facts: Facts, store: Store, _form: Values) -> Answer:
    """Hold back a job that waits."""
    batch = changes.hold(store, [find(facts, store)], now_ms=facts.now_ms)
    return _changed(batch, facts, store)


def release(facts: Facts, store: Store, _form: Values) -> Answer:
    """Let a held job go."""
    batch = changes.release(store, [find(facts, store)], now_ms=facts.now_ms)
    return _changed(batch, facts, store)


def relations(facts: Facts, store: Store, _query: Values) -> Answer:
    """Tell which jobs one was to wait for, and which wait for it."""
    return answers.answer(waiting.record(waiting.relations(store, find(facts, store))))


def run_copy(facts: Facts, store: Store, _form: Values) -> Answer:
    """Add a job that does the same, without its id."""
    return _added(facts, store, [again.copy_of(find(facts, store))], "error")


def attempts(facts: Facts, store: Store, _query: Values) -> Answer:
    """List the starts of a job that have ended, the oldest first."""
    found = store.attempts(find(facts, store).number)
    return answers.page([jobs.attempt_record(attempt) for attempt in found], None)


def why(facts: Facts, store: Store, _query: Values) -> Answer:
    """Say what a job waits for, or how it ended."""
    job = find(facts, store)
    (reason,) = reasons.why(store, [job], now_ms=facts.now_ms)
    return answers.answer(reasons.record(job, reason))


def output(facts: Facts, store: Store, query: Values) -> Answer:
    """Give what an attempt wrote, from a byte on; as JSON with `next_offset` where that is asked.

    `eof`: the attempt has ended, and this was all.
    """
    job = find(facts, store)
    attempt = _attempt(facts.args["attempt"], job)
    offset = answers.whole(query, "offset", 0, low=0, high=1 << 50)
    limit = answers.whole(query, "limit", MOST_OUTPUT_BYTES, low=1, high=MOST_OUTPUT_BYTES)
    running = job.state is State.PROCESSING and attempt == job.starts
    data, following, more = _read(facts, job.number, attempt, (offset, limit))
    if answers.JSON in facts.headers.get("accept", ""):
        fields = {
            "text": data.decode("utf-8", "replace"),
            "offset": offset,
            "next_offset": following,
            "eof": not more and not running,
        }
        return answers.answer(fields)
    name = f"{job.number}.{attempt}.log"
    headers = [("X-Next-Offset", str(following)), ("X-Eof", str(not more and not running).lower()),
               ("Content-Disposition", f'attachment; filename="{name}"')]  # fmt: skip
    return Answer(data, "text/plain; charset=utf-8", headers=headers)


def _attempt(text: str, job: Job) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= job.starts:
        return int(text[:9])
    raise NotFound(f'job {job.name} has no attempt "{text[:20]}"')


def _read(
    facts: Facts, number: int, attempt: int, window: tuple[int, int]
) -> tuple[bytes, int, bool]:
    """Return some bytes of output, the offset behind them, and whether there is more already."""
    offset, limit = window
    reader = joblog.JobLogReader(
        joblog.log_path(facts.context.logs_dir, number, attempt), offset=offset
    )
    pieces, size, following = [], 0, offset
    try:
        for chunk in reader.poll():
            fresh = chunk.data[: limit - size]
            pieces.append(fresh)
            size += len(fresh)
            # a marker stands for bytes that are lost: its own length counts for nothing
            following = chunk.offset + (len(fresh) if chunk.stream != joblog.MARKER else 0)
            if size >= limit:
                return b"".join(pieces), following, True
    finally:
        reader.close()
    return b"".join(pieces), max(following, reader.offset), False


ROUTES: Sequence[Route] = (
    Route("GET", "/api/v1/jobs", Role.READ, list_jobs, "api"),
    Route("POST", "/api/v1/jobs", Role.ADMIN, add, "api"),
    Route("GET", "/api/v1/jobs/<id>", Role.READ, show, "api"),
    Route("PATCH", "/api/v1/jobs/<id>", Role.ADMIN, edit, "api"),
    Route("DELETE", "/api/v1/jobs/<id>", Role.OPERATE, remove, "api"),
    Route("POST", "/api/v1/jobs/<id>/retry", Role.OPERATE, retry, "api"),
    Route("POST", "/api/v1/jobs/<id>/cancel", Role.OPERATE, cancel, "api"),
    Route("POST", "/api/v1/jobs/<id>/hold", Role.OPERATE, hold, "api"),
    Route("POST", "/api/v1/jobs/<id>/release", Role.OPERATE, release, "api"),
    Route("GET", "/api/v1/jobs/<id>/relations", Role.READ, relations, "api"),
    Route("POST", "/api/v1/jobs/<id>/run-copy", Role.OPERATE, run_copy, "api"),
    Route("GET", "/api/v1/jobs/<id>/attempts", Role.READ, attempts, "api"),
    Route("GET", "/api/v1/jobs/<id>/attempts/<attempt>/output", Role.READ, output, "api"),
    Route("GET", "/api/v1/jobs/<id>/why", Role.READ, why, "api"),
)
