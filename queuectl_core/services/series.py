"""The past of a queue in equal steps of time: what is drawn as charts. Numbers out, no pictures."""

from __future__ import annotations

from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.lifecycle import CLAIMABLE
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.storage.series_records import Flow, Run
    from queuectl_core.storage.store import Store

MINUTE_MS = 60_000
RANGES: Mapping[str, tuple[int, int]] = {
    "1h": (60, MINUTE_MS),
    "6h": (72, 5 * MINUTE_MS),
    "24h": (72, 20 * MINUTE_MS),
    "7d": (84, 120 * MINUTE_MS),
    "30d": (90, 480 * MINUTE_MS),
}
"""The ranges that can be asked for: how many steps, how long each."""
MOST_RUNS = 3_000
"""Runs that percentiles are taken of; of a busy range some 1,000 or more of them, spread over it,
which give p99 within a percent of ranks."""
_WORDS = {"enqueue": "enqueued", "complete": "completed", "fail": "failed", "bury": "dead"}
_DEPTH = {
    "enqueue": 1, "claim": -1, "fail": 1, "release": 1, "rescue": 1, "cancel": -1, "revive": 1
}  # fmt: skip
"""What an event adds to the jobs that wait. A retry of a job that waits for its retry adds nothing,
and is counted all the same: a depth of the past is a reckoning."""


class Past(Record):
    """Steps of time, the oldest first.

    `counts` are by enqueued, completed, failed, dead; `depths` by queue: the jobs that waited at
    each step's end. `runs` are those that percentiles are taken of, `waits` and `spans` their
    sorted milliseconds by the step in which they ended; `sampled`: there were more in the range.
    """

    at_ms: Sequence[int]
    step_ms: int
    counts: Mapping[str, Sequence[int]]
    depths: Mapping[str, Sequence[int]]
    waits: Sequence[Sequence[int]]
    spans: Sequence[Sequence[int]]
    runs: Sequence[Run]
    sampled: bool


def past(store: Store, *, range_name: str, now_ms: int) -> Past:
    """Return the past of one of RANGES up to now; the last step is the one that goes on."""
    count, step_ms = RANGES[range_name]
    first_ms = (now_ms // step_ms - count + 1) * step_ms
    places = {first_ms + place * step_ms: place for place in range(count)}
    insight = store.insight()
    flow = insight.flow(since_ms=first_ms, step_ms=step_ms)
    runs = insight.runs(since_ms=first_ms, limit=MOST_RUNS)
    waits, spans = _by_step(runs, first_ms, step_ms, count)
    counts = _counts(flow, places)
    return Past(
        list(places),
        step_ms,
        counts,
        _depths(store, flow, places),
        waits,
        spans,
        runs,
        sampled=len(runs) < sum(counts["completed"]) + sum(counts["dead"]),
    )


def before(store: Store, *, range_name: str, now_ms: int) -> dict[str, int]:
    """Return the sums of as much time as one of RANGES has, just before it."""
    count, step_ms = RANGES[range_name]
    first_ms = (now_ms // step_ms - count + 1) * step_ms
    sums = dict.fromkeys(_WORDS.values(), 0)
    for row in store.insight().flow(since_ms=first_ms - count * step_ms, step_ms=step_ms):
        word = _WORDS.get(row.event)
        if word is not None and row.at_ms < first_ms:
            sums[word] += row.events
    return sums


def percentile(values: Sequence[int], share: int) -> int | None:
    """Return the value that `share` percent of sorted values do not exceed (nearest rank)."""
    if not values:
        return None
    return values[max(0, -(-len(values) * share // 100) - 1)]


def _counts(flow: Sequence[Flow], places: Mapping[int, int]) -> dict[str, list[int]]:
    counts = {word: [0] * len(places) for word in _WORDS.values()}
    for row in flow:
        word, place = _WORDS.get(row.event), places.get(row.at_ms)
        if word is not None and place is not None:
            counts[word][place] += row.events
    return counts


def _depths(store: Store, flow: Sequence[Flow], places: Mapping[int, int]) -> dict[str, list[int]]:
    """Reckon back from what waits now: what happened in a step was not yet so before it."""
    current: dict[str, int] = {}
    for row in store.counts():
        if row.queue == HOOKS_QUEUE:
            continue  # as the flow leaves it out
        waits = row.jobs if row.state in CLAIMABLE else 0
        current[row.queue] = current.get(row.queue, 0) + waits
    changes = {queue: [0] * len(places) for queue in current}
    for flowed in flow:
        place = places.get(flowed.at_ms)
        if place is not None and flowed.queue in changes:
            changes[flowed.queue][place] += _DEPTH.get(flowed.event, 0) * flowed.events
    return {queue: _backwards(current[queue], steps) for queue, steps in changes.items()}


def _backwards(depth: int, changes: Sequence[int]) -> list[int]:
    depths = []
    for change in reversed(changes):
        depths.append(max(0, depth))
        depth -= change
    return depths[::-1]


def _by_step(
    runs: Sequence[Run], first_ms: int, step_ms: int, count: int
) -> tuple[list[list[int]], list[list[int]]]:
    waits: list[list[int]] = [[] for _ in range(count)]
    spans: list[list[int]] = [[] for _ in range(count)]
    for run in runs:
        place = (run.at_ms - first_ms) // step_ms
        if 0 <= place < count:
            waits[place].append(run.wait_ms)
            spans[place].append(run.duration_ms)
    return [sorted(values) for values in waits], [sorted(values) for values in spans]
