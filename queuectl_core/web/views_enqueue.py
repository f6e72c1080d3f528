"""The form that adds a job."""

from __future__ import annotations

from queuectl_core.errors import BadData, JobExists
from queuectl_core.web import forms
from queuectl_core.web.facts import Redirect
from queuectl_core.web.views_frame import framed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Page, Values


def ask(facts: Facts, store: Store, query: Values) -> Page:
    """Show the form, filled as the link says."""
    return _form(facts, store, query, problem=None)


def add(facts: Facts, store: Store, form: Values) -> Page | Redirect:
    """Add the job, or show the form again with what is wrong."""
    try:
        job = forms.new_job(facts, form)
        (added,) = store.enqueue([job], now_ms=facts.now_ms)
    except (BadData, JobExists) as error:
        return _form(facts, store, form, problem=error)
    return Redirect(f"/jobs/{added.number}", f"Job {added.name} is enqueued")


def _form(
    facts: Facts, store: Store, values: Values, *, problem: BadData | JobExists | None
) -> Page:
    return framed(
        store,
        "enqueue",
        "Enqueue a job",
        "jobs",
        live=False,
        values=values,
        problem=problem,
        status=200 if problem is None else problem.http_status,
        queues=sorted({row.queue for row in store.counts()}),
        retries=facts.context.settings.max_retries,
    )
