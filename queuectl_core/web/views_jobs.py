"""The list of jobs: filters, pages, and what can be done to many at once."""

from __future__ import annotations

import json

from queuectl_core.lifecycle import STATES
from queuectl_core.selection import Selection
from queuectl_core.services import changes, jobs, sweeps
from queuectl_core.services.sweeps import Sweep
from queuectl_core.web import forms, search
from queuectl_core.web.facts import Answer, Page, Redirect
from queuectl_core.web.views_frame import by_state, framed
from queuectl_core.web.views_text import plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from queuectl_core.job import Job
    from queuectl_core.services.changes import Batch
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Values
    from queuectl_core.web.forms import Choice, Filter

SIZES = (25, 50, 100, 200)
USUAL_SIZE = 50


def show(facts: Facts, store: Store, query: Values) -> Page:
    """Show one page of the jobs that a filter finds."""
    chosen = forms.filter_of(query, now_ms=facts.now_ms)
    size = forms.number(query.given("n"), USUAL_SIZE)
    size = size if size in SIZES else USUAL_SIZE
    below = forms.number(query.given("below"), forms.LAST)
    found = sweeps.Found((), None)
    if not chosen.query.problems:
        sweep = Sweep(chosen.query.selection, chosen.query.fits, below)
        found = sweeps.look(store, sweep, limit=size, clock=facts.context.clock)
    counts = by_state(store, chosen.query.selection.queue)
    return framed(
        store,
        "jobs",
        "Jobs",
        "jobs",
        jobs=found.jobs,
        older=found.below,
        slow=found.below is not None and len(found.jobs) < size,
        first=below == forms.LAST,
        below=below if below != forms.LAST else "",
        filter=chosen,
        tabs=[("", "All", sum(counts.values()))]
        + [(str(state), str(state).capitalize(), counts[state]) for state in STATES.values()],
        newest=newest(store),
        sizes=SIZES,
        size=size,
        usual_size=USUAL_SIZE,
        qualifiers=search.QUALIFIERS,
        command_line=jobs.command_line,
        asked={**chosen.asked, "n": "" if size == USUAL_SIZE else size},
    )


def newest(store: Store) -> int:
    """Return a number above all jobs that there are now: what comes later is not meant."""
    found = store.select(Selection(), limit=1).jobs
    return found[0].number + 1 if found else 1


def export(facts: Facts, store: Store, query: Values) -> Answer:
    """Send all jobs that a filter finds as NDJSON, the newest first."""
    chosen = forms.filter_of(query, now_ms=facts.now_ms)
    sweep = Sweep(chosen.query.selection, chosen.query.fits, forms.LAST)
    name = 'attachment; filename="jobs.ndjson"'
    body = () if chosen.query.problems else _lines(store, sweep)
    return Answer(body, "application/x-ndjson", headers=(("Content-Disposition", name),))


def _lines(store: Store, sweep: Sweep) -> Iterator[bytes]:
    for found in sweeps.pages(store, sweep):
        if found.jobs:
            records = [json.dumps(jobs.record(job), ensure_ascii=False) for job in found.jobs]
            yield ("\n".join(records) + "\n").encode()


def bulk(facts: Facts, store: Store, form: Values) -> Page | Redirect:
    """Do something to many jobs: first ask with the number of them, then a stretch at a time."""
    choice = forms.choice_of(form, now_ms=facts.now_ms)
    if form.get("sure") != "1":
        return _confirmation(facts, store, choice, form)
    swept = sweeps.run(
        store, choice.sweep, choice.verb, _act(facts, store, choice), clock=facts.context.clock
    )
    done = swept.changed + forms.number(form.given("done"), 0)
    if swept.below is not None and choice.numbers is None:
        return _unfinished(store, choice, form, done, swept.below)
    refused = f", {swept.refused:,} could not be" if swept.refused else ""
    return Redirect(_back(form), f"{plural(done, 'job')} {_done(choice)}{refused}")


def _confirmation(facts: Facts, store: Store, choice: Choice, form: Values) -> Page:
    tally = sweeps.tally(
        store, choice.sweep, choice.verb, clock=facts.context.clock, tested=choice.tested
    )
    return _asking(
        store,
        choice,
        form,
        tally=tally,
        below=choice.below if choice.below != forms.LAST else newest(store),
    )


def _unfinished(store: Store, choice: Choice, form: Values, done: int, below: int) -> Page:
    return _asking(store, choice, form, done=done, below=below, tally=None)


def _asking(store: Store, choice: Choice, form: Values, **model: object) -> Page:
    return framed(
        store,
        "confirm",
        _title(choice),
        "jobs",
        **{
            "live": False,
            "choice": choice,
            "word": _word(choice),
            "words": in_words(choice.filter, choice.numbers),
            "back": _back(form),
            "done": 0,
            "destructive": choice.verb.destructive,
            **model,
        },
    )


def _act(facts: Facts, store: Store, choice: Choice) -> sweeps.Act:
    def act(some: Sequence[Job]) -> Batch:
        now_ms = facts.now_ms
        if choice.action == "retry":
            return changes.retry(store, some, now_ms=now_ms)
        if choice.action == "cancel":
            return changes.cancel(store, some, now_ms=now_ms)
        if choice.action == "remove":
            return changes.remove(store, some, logs_dir=facts.context.logs_dir, now_ms=now_ms)
        return changes.edit(store, some, {"priority": choice.priority}, now_ms=now_ms)

    return act


def in_words(chosen: Filter, numbers: Sequence[int] | None) -> str:
    """Say which jobs are meant."""
    if numbers is not None:
        return "the jobs that you ticked"
    parts = [f"state {chosen.state}"] if chosen.state else []
    parts += [f"the error {chosen.cause}"] if chosen.cause else []
    parts += [f"search {chosen.query.text}"] if chosen.query.text else []
    return "all jobs with " + " and ".join(parts) if parts else "all jobs"


def _word(choice: Choice) -> str:
    return {"priority": f"Set priority {choice.priority} for", "remove": "Delete"}.get(
        choice.action, choice.action.capitalize()
    )


def _title(choice: Choice) -> str:
    return "Change the priority" if choice.action == "priority" else f"{_word(choice)} jobs"


def _done(choice: Choice) -> str:
    return {"priority": f"given priority {choice.priority}", "remove": "deleted"}.get(
        choice.action, choice.verb.done
    )


def _back(form: Values) -> str:
    """Return where the form came from: a path of ours, nothing else."""
    back = form.get("back", "/jobs")
    fine = back.startswith("/") and not back.startswith("//") and "\\" not in back
    return back if fine and back.isprintable() else "/jobs"
