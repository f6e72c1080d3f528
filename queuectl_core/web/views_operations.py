"""Bulk work that goes on after the answer: how far it is, and an end to it."""

from __future__ import annotations

from queuectl_core.web.facts import Redirect
from queuectl_core.web.views_frame import framed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Page, Values

LOOKS = {
    "running": "processing", "done": "completed", "cancelled": "cancelled", "failed": "dead"
}  # fmt: skip


def show(facts: Facts, store: Store, _query: Values) -> Page:
    """Show the operations since this dashboard was started."""
    found = facts.context.operations.all()
    return framed(store, "operations", "Operations", "operations", operations=found, looks=LOOKS)


def cancel(facts: Facts, _store: Store, _form: Values) -> Redirect:
    """End an operation; what it has done stays done."""
    one = facts.context.operations.cancel(facts.args["id"])
    return Redirect("/operations", f"It ends after {one.done:,} jobs")
