"""/api/v1/operations and the figures over time."""

from __future__ import annotations

from queuectl_core.errors import BadData
from queuectl_core.services import series
from queuectl_core.services.jobs import moment, seconds
from queuectl_core.web import api_answers as answers
from queuectl_core.web import api_jobs, operations, views_charts
from queuectl_core.web.facts import Role, Values
from queuectl_core.web.operations import Wish
from queuectl_core.web.routes import Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Answer, Facts

_PERCENTILES = (50, 95, 99)


def list_operations(facts: Facts, _store: Store, _query: Values) -> Answer:
    """List the bulk operations of this process, the newest first."""
    items = [operations.record(one) for one in facts.context.operations.all()]
    return answers.page(items, None)


def begin(facts: Facts, store: Store, _form: Values) -> Answer:
    """Begin a bulk operation; a dry run only counts what it would be done to."""
    body = answers.body_of(facts)
    answers.known(body, "action", "filter", "dry_run")
    words = _filter(body.get("filter"))
    selection = api_jobs.selection_of(Values(words.items()), facts)
    dry_run = body.get("dry_run")
    if not isinstance(dry_run, bool | None):
        raise BadData("dry_run must be true or false")
    wish = Wish(answers.text_of(body, "action") or "", selection, words, facts.actor)
    if dry_run:
        total = store.count(operations.wished(wish.action, selection))
        return answers.answer({"action": wish.action, "filter": words, "total": total})
    one = facts.context.operations.begin(wish, store)
    where = f"{facts.base_path}/api/v1/operations/{one.id}"
    return answers.answer(operations.record(one), status=202, headers=[("Location", where)])


def _filter(value: object) -> dict[str, str]:
    """Return the words of a filter; BadData for what `queuectl list` does not know."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise BadData("filter must be an object of texts", hint='as in {"state": "dead"}')
    answers.known(value, *api_jobs.WORDS)
    for name, text in value.items():
        if not text.strip():  # a variable that was empty must not select everything
            raise BadData(f"{name} is empty", hint="leave it out to select by the others alone")
    return dict(value)


def show(facts: Facts, _store: Store, _query: Values) -> Answer:
    """Show how far a bulk operation is."""
    return answers.answer(operations.record(facts.context.operations.find(facts.args["id"])))


def cancel(facts: Facts, _store: Store, _form: Values) -> Answer:
    """End a bulk operation early."""
    return answers.answer(operations.record(facts.context.operations.cancel(facts.args["id"])))


def follow(facts: Facts, store: Store, query: Values) -> Answer:
    """Give the figures over time that the charts are drawn of."""
    name = query.get("range", "1h")
    if name not in series.RANGES:
        raise BadData(f'there is no range "{name[:20]}"', hint=", ".join(series.RANGES))
    past = views_charts.past_of(facts, store, name)
    return answers.answer(
        {
            "range": name,
            "step": seconds(past.step_ms),
            "at": [moment(at_ms) for at_ms in past.at_ms],
            "counts": dict(past.counts),
            "depths": dict(past.depths),
            "wait": _percentiles(past.waits),
            "run": _percentiles(past.spans),
            "sampled": past.sampled,
        }
    )


def _percentiles(steps: Sequence[Sequence[int]]) -> dict[str, object]:
    """Return seconds by step; None where no run has ended."""
    return {
        f"p{share}": [seconds(series.percentile(step, share)) for step in steps]
        for share in _PERCENTILES
    }


ROUTES: Sequence[Route] = (
    Route("GET", "/api/v1/operations", Role.READ, list_operations, "api"),
    Route("POST", "/api/v1/operations", Role.OPERATE, begin, "api"),
    Route("GET", "/api/v1/operations/<id>", Role.READ, show, "api"),
    Route("POST", "/api/v1/operations/<id>/cancel", Role.OPERATE, cancel, "api"),
    Route("GET", "/api/v1/metrics/series", Role.READ, follow, "api"),
)
