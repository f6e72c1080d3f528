"""One job: what it is, what happened to it, what it wrote, what can be done to it."""

from __future__ import annotations

from queuectl_core.errors import NotFound
from queuectl_core.job import NewJob
from queuectl_core.lifecycle import CLAIMABLE, FINAL, TRANSITIONS, Event, State
from queuectl_core.records import Record
from queuectl_core.services import changes, jobs, reasons, tails
from queuectl_core.web import ansi, forms, timeline
from queuectl_core.web.facts import Answer, Page, Redirect, Role
from queuectl_core.web.views_frame import framed
from queuectl_core.web.views_jobs import newest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.job import Job
    from queuectl_core.services.changes import Batch
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Values

MASK = "••••••"


class Output(Record):
    """A part of what an attempt wrote: lines, each its stream and markup.

    `ended`: no more will come. `style` is the colour at the end of the part.
    """

    attempt: int
    lines: Sequence[tuple[str, str]]
    next_offset: int
    skipped_bytes: int
    there: bool
    unfinished: bool
    ended: bool
    style: str


def show(facts: Facts, store: Store, query: Values) -> Page:
    """Show one job; with status 410 where it was forgotten."""
    word = facts.args["id"]
    job = find(store, word)
    if job is None:
        return _gone(store, word)
    attempts = store.attempts(job.number)
    attempt = min(forms.number(query.given("attempt"), job.starts), job.starts)
    (why,) = reasons.why(store, [job], now_ms=facts.now_ms)
    return framed(
        store,
        "job",
        f"Job {job.name}",
        "jobs",
        job=job,
        path=path_of(job),
        command=jobs.command_line(job),
        why=why,
        steps=timeline.steps(job, attempts),
        attempts=range(1, job.starts + 1),
        output=output_of(facts, job, attempt),
        env=_env(facts, job),
        commands=_commands(job),
        can=_can(job),
    )


def output(facts: Facts, store: Store, query: Values) -> Page:
    """Show what an attempt wrote from an offset on, as the page of a running job asks."""
    job = _existing(store, facts.args["id"])
    attempt = forms.number(query.given("attempt"), job.starts)
    offset = forms.number(query.given("offset"), 0)
    part = output_of(facts, job, attempt, offset=offset, style=query.get("style"))
    return Page("output", {"output": part, "title": job.name})


def download(facts: Facts, store: Store, query: Values) -> Answer:
    """Send all that is kept of what an attempt wrote, as it was written."""
    job = _existing(store, facts.args["id"])
    attempt = forms.number(query.given("attempt"), job.starts)
    name = f'attachment; filename="{job.number}.{attempt}.txt"'
    body = tails.pieces(facts.context.logs_dir, job.number, attempt)
    return Answer(body, "text/plain; charset=utf-8", headers=(("Content-Disposition", name),))


def act(facts: Facts, store: Store, form: Values) -> Page | Redirect:
    """Do something to one job. What can't be undone is asked for once more."""
    job = _existing(store, facts.args["id"])
    action, verb = forms.verb_of(form)
    grave = action == "remove" or (action == "cancel" and job.state is State.PROCESSING)
    if grave and form.get("sure") != "1":
        title = "Delete this job?" if action == "remove" else "Stop this job?"
        return framed(
            store, "confirm_job", title, "jobs",
            job=job, path=path_of(job), action=action, live=False,
        )  # fmt: skip
    batch = _do(facts, store, job, action, form)
    if batch.refused:
        raise batch.refused[0].error
    if action == "remove":
        return Redirect("/jobs", f"Job {job.name} is deleted")
    word = "is being stopped" if grave else f"is {verb.done}"
    back = form.get("back")
    return Redirect("/dead" if back == "/dead" else path_of(job), f"Job {job.name} {word}")


def copy(facts: Facts, store: Store, _form: Values) -> Redirect:
    """Enqueue the same work once more, due at once."""
    job = _existing(store, facts.args["id"])
    (added,) = store.enqueue([_again(job)], now_ms=facts.now_ms)
    return Redirect(f"/jobs/{added.number}", f"This is a copy of job {job.name}")


def find(store: Store, word: str) -> Job | None:
    """Return the job of a link: digits are a number first, whatever text ids there are."""
    job = store.job_by_number(int(word)) if word.isdigit() and forms.number(word, 0) else None
    try:
        return job or jobs.find(store, word)
    except NotFound:
        return None


def path_of(job: Job) -> str:
    """Return the path of a job's page: the number is safe in any link, and never given twice."""
    return f"/jobs/{job.number}"


def output_of(
    facts: Facts,
    job: Job,
    attempt: int,
    *,
    offset: int | None = None,
    style: str = "",
) -> Output:
    """Return what an attempt wrote, painted."""
    part = tails.tail(facts.context.logs_dir, job.number, attempt, offset=offset)
    painter = ansi.Painter(style)
    lines = [(stream, painter.html(text)) for stream, text in part.lines]
    running = job.state is State.PROCESSING and attempt == job.starts
    return Output(attempt, lines, part.next_offset, part.skipped_bytes, part.there,
                  part.unfinished, not running, painter.style)  # fmt: skip


def _existing(store: Store, word: str) -> Job:
    job = find(store, word)
    if job is None:
        raise NotFound(
            f'there is no job "{word[:130]}"',
            hint="it may have been forgotten: see keep-finished-days",
        )
    return job


def _gone(store: Store, word: str) -> Page:
    number = forms.number(word, 0)
    if not 0 < number < newest(store):
        raise NotFound(f'there is no job "{word[:130]}"')
    return framed(
        store, "gone", f"Job {number} is gone", "jobs", status=410, live=False, number=number
    )


def _do(facts: Facts, store: Store, job: Job, action: str, form: Values) -> Batch:
    now_ms = facts.now_ms
    if action == "retry":
        return changes.retry(store, [job], now_ms=now_ms)
    if action == "cancel":
        return changes.cancel(store, [job], now_ms=now_ms)
    if action == "remove":
        return changes.remove(store, [job], logs_dir=facts.context.logs_dir, now_ms=now_ms)
    return changes.edit(store, [job], {"priority": forms.priority(form)}, now_ms=now_ms)


def _again(job: Job) -> NewJob:
    """Return the same work as a new job, due at once, without the id, which is taken."""
    return NewJob(
        command=job.command, argv=job.argv, max_retries=job.max_retries, queue=job.queue,
        priority=job.priority, timeout_ms=job.timeout_ms, backoff=job.backoff, cwd=job.cwd,
        env=job.env, on_crash=job.on_crash, tags=job.tags,
    )  # fmt: skip


def _env(facts: Facts, job: Job) -> list[tuple[str, str]]:
    """Return the job's variables; their values for those only who could set them."""
    shown = facts.role.may(Role.ADMIN)
    return [(name, value if shown else MASK) for name, value in (job.env or {}).items()]


def _can(job: Job) -> dict[str, bool]:
    """Return which actions the job's state allows."""
    return {
        "retry": job.state in TRANSITIONS[Event.REVIVE][0],
        "cancel": job.state in changes.CANCEL.allowed and not job.cancel_requested,
        "priority": job.state in CLAIMABLE,
        "remove": job.state in FINAL,
    }


def _commands(job: Job) -> list[str]:
    """Return what to type for what the page shows and does."""
    can = _can(job)
    lines = [
        f"queuectl show {job.name}",
        f"queuectl logs {'-f ' if job.state is State.PROCESSING else ''}{job.name}",
    ]
    lines += [f"queuectl why {job.name}"] if job.state not in FINAL else []
    lines += [f"queuectl retry {job.name}"] if can["retry"] else []
    lines += [f"queuectl cancel {job.name}"] if can["cancel"] else []
    return lines
