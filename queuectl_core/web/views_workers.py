"""The workers: who runs, on what, how they do."""

from __future__ import annotations

from queuectl_core.errors import NotFound
from queuectl_core.services import workers
from queuectl_core.web import forms
from queuectl_core.web.facts import Redirect
from queuectl_core.web.views_frame import framed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Page, Values


def stop(facts: Facts, store: Store, form: Values) -> Page | Redirect:
    """Let a worker's jobs end and the worker with them, once that was asked for."""
    number = forms.number(facts.args["id"], 0)
    row = next((one for one in store.workers() if one.id == number and one.alive), None)
    if row is None:
        raise NotFound(f"no worker {number} runs")
    if form.get("sure") != "1":
        return framed(
            store, "confirm_worker", "Stop this worker?", "workers", worker=row, live=False
        )
    workers.tell_to_stop(store, number)
    return Redirect("/workers", f"Worker {number} stops when its jobs have ended")


def show(facts: Facts, store: Store, _query: Values) -> Page:
    """Show all known workers and what they run."""
    crew = workers.health(store, now_ms=facts.now_ms)
    live = [row for row in crew if row.state != "dead"]
    return framed(
        store,
        "workers",
        "Workers",
        "workers",
        crew=crew,
        looks={"ok": "ok", "stopping": "stopping", "dead": "dead", "not responding": "lost"},
        threads=sum(row.worker.threads for row in live),
        busy=sum(min(len(row.worker.running), row.worker.threads) for row in live),
        live_count=len(live),
    )
