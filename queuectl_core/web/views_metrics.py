"""What happened over time, as charts and tables; beside the time before, and as CSV."""

from __future__ import annotations

from queuectl_core.records import Record
from queuectl_core.services import series
from queuectl_core.web import views_charts
from queuectl_core.web.facts import Answer
from queuectl_core.web.views_frame import framed
from queuectl_core.web.views_text import utc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl_core.services.series import Past
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Page, Values

SHARES = (50, 95, 99)


class Change(Record):
    """One figure of a range, and of as much time before it."""

    name: str
    now: int
    before: int

    @property
    def words(self) -> str:
        """How much more or less it is."""
        if not self.before:
            return "new" if self.now else "the same"
        share = round(100 * (self.now - self.before) / self.before)
        return f"{share:+d} %" if share else "the same"


def show(facts: Facts, store: Store, query: Values) -> Page:
    """Show all charts of a range."""
    chosen = views_charts.range_of(query)
    past = views_charts.past_of(facts, store, chosen)
    compare = query.get("compare") == "1"
    return framed(
        store,
        "metrics",
        "Metrics",
        "metrics",
        charts=views_charts.of_metrics(past, chosen),
        range_name=chosen,
        ranges=tuple(series.RANGES),
        path="/metrics-ui",
        compare=compare,
        changes=_changes(facts, store, chosen, past) if compare else (),
    )


def _changes(facts: Facts, store: Store, chosen: str, past: Past) -> list[Change]:
    before = facts.context.charts.get(
        ("before", chosen),
        views_charts.KEPT_MS,
        lambda: series.before(store, range_name=chosen, now_ms=facts.now_ms),
    )
    return [Change(word, sum(past.counts[word]), before[word]) for word in past.counts]


def export(facts: Facts, store: Store, query: Values) -> Answer:
    """Send the figures of a range as CSV (RFC 4180): a line for each step, times in UTC."""
    chosen = views_charts.range_of(query)
    past = views_charts.past_of(facts, store, chosen)
    name = ("Content-Disposition", f'attachment; filename="metrics-{chosen}.csv"')
    text = "\r\n".join(_lines(past)) + "\r\n"
    return Answer(text.encode(), "text/csv; charset=utf-8", headers=(name,))


def _lines(past: Past) -> Iterator[str]:
    """Yield lines of numbers and moments alone: nothing in them needs quotes."""
    waits = [f"wait_p{share}_ms" for share in SHARES]
    runs = [f"run_p{share}_ms" for share in SHARES]
    yield ",".join(["from_utc", *past.counts, "waiting", *waits, *runs])
    for place, at_ms in enumerate(past.at_ms):
        depth = sum(values[place] for values in past.depths.values())
        counts = [values[place] for values in past.counts.values()]
        times = [
            series.percentile(steps[place], share)
            for steps in (past.waits, past.spans)
            for share in SHARES
        ]
        cells = [utc(at_ms), *counts, depth, *times]
        yield ",".join("" if cell is None else str(cell) for cell in cells)
