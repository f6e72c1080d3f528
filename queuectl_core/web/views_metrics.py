"""What happened over time, as charts and tables."""

from __future__ import annotations

from queuectl_core.services import series
from queuectl_core.web import views_charts
from queuectl_core.web.views_frame import framed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Page, Values


def show(facts: Facts, store: Store, query: Values) -> Page:
    """Show all charts of a range."""
    chosen = views_charts.range_of(query)
    past = views_charts.past_of(facts, store, chosen)
    return framed(
        store,
        "metrics",
        "Metrics",
        "metrics",
        charts=views_charts.of_metrics(past, chosen),
        range_name=chosen,
        ranges=tuple(series.RANGES),
        path="/metrics-ui",
        sums={word: sum(values) for word, values in past.counts.items()},
    )
