"""All pages: which view answers which path, and for whom."""

from __future__ import annotations

from queuectl_core.services import stats
from queuectl_core.web.facts import Page, Role

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, PageRow, Values


def overview(facts: Facts, store: Store, _query: Values) -> Page:
    """Show how the queue stands."""
    return Page("overview", {"status": stats.status(store, now_ms=facts.now_ms)})


PAGES: Sequence[PageRow] = (("GET", "/", Role.READ, overview),)
