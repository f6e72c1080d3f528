"""One job: what it is, what happened to it, what it wrote, what can be done to it."""

from __future__ import annotations

from urllib.parse import urlencode

from queuectl_core.errors import NotFound
from queuectl_core.flow import HELD
from queuectl_core.lifecycle import CLAIMABLE, FINAL, TRANSITIONS, Event, State
from queuectl_core.records import Record
from queuectl_core.services import again, changes, jobs, reasons, tails, waiting
from queuectl_core.web import actions, ansi, forms, timeline
from queuectl_core.web.facts import Answer, Page, Redirect, Role
from queuectl_core.web.views_frame import framed
from queuectl_core.web.views_jobs import newest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.job import Job
    from queuectl_core.services.waiting import Relations
    from queuectl_core.storage.store import Store
    from queuectl_core.web.actions import Deed
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
    can = _can(job, facts.now_ms)
    relations = waiting.relations(store, job)
    return framed(
        store,
        "job",
        f"Job {job.name}",
        "jobs",
        job=job,
        path=path_of(job),
        command=jobs.command_line(job),
        why=why,
        relations=relations,
        flow=_flow(job, relations),
        steps=timeline.steps(job, attempts),
        attempts=range(1, job.starts + 1),
        output=output_of(facts, job, attempt),
        env=_env(facts, job),
        commands=_commands(job, can),
        can=can,
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
    deed = forms.deed_of(form, now_ms=facts.now_ms)
    action = deed.action
    grave = action == "remove" or (action == "cancel" and job.state is State.PROCESSING)
    if grave and form.get("sure") != "1":
        title = "Delete this job?" if action == "remove" else "Stop this job?"
        return framed(
            store, "confirm_job", title, "jobs",
            job=job, path=path_of(job), action=action, live=False,
        )  # fmt: skip
    logs_dir = facts.context.logs_dir
    batch = actions.act(deed, store, [job], now_ms=facts.now_ms, logs_dir=logs_dir)
    if batch.refused:
        raise batch.refused[0].error
    if action == "remove":
        return Redirect("/jobs", f"Job {job.name} is deleted")
    word = "is being stopped" if grave else f"is {deed.verb.done}"
    back = form.get("back")
    where = "/dead" if back == "/dead" else path_of(job)
    return Redirect(where, f"Job {job.name} {word}", undo=_undo(deed, job))


def _undo(deed: Deed, job: Job) -> str:
    """Return what takes an action on one job back; empty where nothing does."""
    undo: dict[str, dict[str, object]] = {
        "hold": {"action": "release"},
        "release": {"action": "hold"},
        "priority": {"action": "priority", "priority": job.priority},
        "queue": {"action": "queue", "queue": job.queue},
        "start": {"action": "start", "run_at": jobs.moment(job.run_at_ms)},
        "now": {"action": "start", "run_at": jobs.moment(job.run_at_ms)},
    }
    fields = undo.get(deed.action)
    return f"{path_of(job)}?{urlencode(fields)}" if fields else ""


def copy(facts: Facts, store: Store, _form: Values) -> Redirect:
    """Enqueue the same work once more, due at once."""
    job = _existing(store, facts.args["id"])
    (added,) = store.enqueue([again.copy_of(job)], now_ms=facts.now_ms)
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


def _flow(job: Job, relations: Relations) -> list[tuple[str, str]]:
    """Return what a job waits for besides its time and other jobs: a name and a few words each."""
    lines = []
    if job.mutex is not None:
        slots = job.mutex_slots or 1
        taken = len(relations.holders) + (job.state is State.PROCESSING)
        lines.append(("Mutex", f"{job.mutex}, {taken} of {slots} taken"))
    if job.unique_key is not None:
        lines.append(("Unique key", f"{job.unique_key}, {_until(job.unique_scope)}"))
    return lines


def _until(scope: str | None) -> str:
    if scope in {None, "finished"}:
        return "until it has ended"
    return "until it has started" if scope == "started" else f"for {scope}"


def _env(facts: Facts, job: Job) -> list[tuple[str, str]]:
    """Return the job's variables; their values for those only who could set them."""
    shown = facts.role.may(Role.ADMIN)
    return [(name, value if shown else MASK) for name, value in (job.env or {}).items()]


def _can(job: Job, now_ms: int) -> dict[str, bool]:
    """Return which actions the job's state allows."""
    held = bool((job.blocked or 0) & HELD)
    return {
        "retry": job.state in TRANSITIONS[Event.REVIVE][0],
        "cancel": job.state in changes.CANCEL.allowed and not job.cancel_requested,
        "waits": job.state in CLAIMABLE,
        "now": job.state is State.PENDING and job.run_at_ms > now_ms,
        "hold": job.state in CLAIMABLE and not held,
        "release": job.state in CLAIMABLE and held,
        "remove": job.state in FINAL,
    }


def _commands(job: Job, can: Mapping[str, bool]) -> list[str]:
    """Return what to type for what the page shows and does."""
    lines = [
        f"queuectl show {job.name}",
        f"queuectl logs {'-f ' if job.state is State.PROCESSING else ''}{job.name}",
    ]
    lines += [f"queuectl why {job.name}"] if job.state not in FINAL else []
    for verb in ("retry", "hold", "release", "cancel"):
        lines += [f"queuectl {verb} {job.name}"] if can[verb] else []
    lines += [f"queuectl edit {job.name} --set priority=8"] if can["waits"] else []
    lines += [f"queuectl rm {job.name}"] if can["remove"] else []
    return lines
