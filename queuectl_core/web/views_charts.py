"""Which charts there are, made of the past of a queue."""

from __future__ import annotations

from queuectl_core.services import series
from queuectl_core.web.charts import Chart, Line
from queuectl_core.web.views_text import count, span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.services.series import Past
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Values

USUAL_RANGE = "1h"
KEPT_MS = 10_000


def range_of(query: Values) -> str:
    """Return the range that a link asks for; the usual one for any other word."""
    asked = query.get("range", USUAL_RANGE)
    return asked if asked in series.RANGES else USUAL_RANGE


def past_of(facts: Facts, store: Store, range_name: str) -> Past:
    """Return the past of a range, some seconds old perhaps: charts of minutes bear that."""
    return facts.context.charts.get(
        range_name,
        KEPT_MS,
        lambda: series.past(store, range_name=range_name, now_ms=facts.now_ms),
    )


def of_overview(past: Past, range_name: str) -> list[Chart]:
    """Return the two charts of the first page."""
    return [throughput(past, range_name), times(past, "run", range_name, shares=(50, 95))]


def of_metrics(past: Past, range_name: str) -> list[Chart]:
    """Return all charts."""
    return [
        throughput(past, range_name),
        failures(past, range_name),
        times(past, "run", range_name, shares=(50, 95, 99)),
        times(past, "wait", range_name, shares=(50, 95, 99)),
        depth(past, range_name),
        enqueued(past, range_name),
    ]


def throughput(past: Past, range_name: str) -> Chart:
    """Return the runs that ended: failed below, completed above."""
    done, bad = past.counts["completed"], _failures(past)
    sentence = f"{count(sum(done))} completed, {count(sum(bad))} failed in {range_name}"
    lines = (Line("failed", "dead", bad), Line("completed", "completed", done))
    return Chart("throughput", "Runs that ended", sentence, past.at_ms, past.step_ms, lines,
                 stacked=True, show=count)  # fmt: skip


def failures(past: Past, range_name: str) -> Chart:
    """Return the share of runs that failed, in percent."""
    shares = [
        None if not good + bad else round(100 * bad / (good + bad))
        for good, bad in zip(past.counts["completed"], _failures(past), strict=True)
    ]
    bad, good = sum(_failures(past)), sum(past.counts["completed"])
    overall = f"{100 * bad / (good + bad):.1f} %" if good + bad else "nothing ran"
    return Chart("failures", "Failure rate", f"{overall} in {range_name}", past.at_ms,
                 past.step_ms, (Line("failed", "bad", shares),), stacked=False,
                 show=_percent)  # fmt: skip


def times(past: Past, kind: str, range_name: str, *, shares: Sequence[int]) -> Chart:
    """Return percentiles of how long jobs ran, or waited from when they were due."""
    steps = past.spans if kind == "run" else past.waits
    everything = sorted(value for step in steps for value in step)
    words = [f"p{share} {span(series.percentile(everything, share))}" for share in shares]
    sampled = f" (of {len(past.runs):,} runs, taken here and there)" if past.sampled else ""
    lines = tuple(
        Line(f"p{share}", f"l{place}", [series.percentile(step, share) for step in steps])
        for place, share in enumerate(shares, 1)
    )
    title = "Run time" if kind == "run" else "Wait before the start"
    sentence = f"{', '.join(words)} in {range_name}{sampled}" if everything else "nothing ran"
    return Chart(kind, title, sentence, past.at_ms, past.step_ms, lines, stacked=False, show=span)


def depth(past: Past, range_name: str) -> Chart:
    """Return the jobs that wait, of all queues together."""
    steps = [sum(values) for values in zip(*past.depths.values(), strict=True)]
    values = steps or [0] * len(past.at_ms)
    sentence = f"{count(values[-1])} wait now, at most {count(max(values))} in {range_name}"
    return Chart("depth", "Jobs that wait", sentence, past.at_ms, past.step_ms,
                 (Line("waiting", "depth", values),), stacked=True, show=count)  # fmt: skip


def enqueued(past: Past, range_name: str) -> Chart:
    """Return the jobs that were added."""
    values = past.counts["enqueued"]
    return Chart("enqueued", "Jobs added", f"{count(sum(values))} in {range_name}", past.at_ms,
                 past.step_ms, (Line("added", "depth", values),), stacked=True,
                 show=count)  # fmt: skip


def _failures(past: Past) -> list[int]:
    pairs = zip(past.counts["failed"], past.counts["dead"], strict=True)
    return [failed + dead for failed, dead in pairs]


def _percent(value: int | None) -> str:
    return "–" if value is None else f"{value} %"  # noqa: RUF001 - a dash is meant
