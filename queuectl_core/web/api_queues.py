"""The API beside jobs: queues, workers, dead letters by cause, events, figures, settings."""

from __future__ import annotations

import os

from queuectl_core import home as homes
from queuectl_core.errors import NotFound
from queuectl_core.job import check_queue
from queuectl_core.lifecycle import STATES
from queuectl_core.services import burials, queues, settings, stats, tokens, workers
from queuectl_core.services.jobs import moment, seconds
from queuectl_core.web import api_answers as answers
from queuectl_core.web.facts import Role
from queuectl_core.web.routes import Route
from queuectl_core.web.security import NO_STORE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Answer, Facts, Values

MANY_DIGITS = 10


def list_queues(facts: Facts, store: Store, _query: Values) -> Answer:
    """List the queues that have or had jobs, are paused, or have limits."""
    return answers.page([_queue(facts, store, row) for row in queues.rows(store)], None)


def show_queue(facts: Facts, store: Store, _query: Values) -> Answer:
    """Show a queue."""
    name = check_queue(facts.args["name"])
    found = next((row for row in queues.rows(store) if row.name == name), None)
    if found is None:
        raise NotFound(f'there is no queue "{name}"')
    return answers.answer(_queue(facts, store, found))


def _queue(facts: Facts, store: Store, row: queues.Row) -> dict[str, object]:
    due_ms = store.next_due_ms(queues=[row.name])
    return {
        "name": row.name,
        "jobs": {str(state): row.counts[state] for state in STATES.values()},
        "oldest_due": None
        if due_ms is None or due_ms > facts.now_ms
        else seconds(facts.now_ms - due_ms),
        **queues.limits_record(row, now_ms=facts.now_ms),
        "paused": None if row.pause is None else queues.record(row.pause),
    }


def limit(facts: Facts, store: Store, _form: Values) -> Answer:
    """Set limits of a queue; null takes one away."""
    body = answers.body_of(facts)
    answers.known(body, *queues.CHECKS)
    queues.set_limits(store, facts.args["name"], body, now_ms=facts.now_ms)
    return _shown(facts, store)


def drain(facts: Facts, store: Store, _form: Values) -> Answer:
    """Let no job into a queue; does not wait until it is empty."""
    queues.drain(store, facts.args["name"], by=facts.actor, now_ms=facts.now_ms)
    return _shown(facts, store)


def _shown(facts: Facts, store: Store) -> Answer:
    row = queues.row_of(store, check_queue(facts.args["name"]))
    return answers.answer(_queue(facts, store, row))


def pause(facts: Facts, store: Store, _form: Values) -> Answer:
    """Let no job of a queue start."""
    body = answers.body_of(facts)
    answers.known(body, "reason")
    reason = answers.text_of(body, "reason")
    queues.pause(store, facts.args["name"], by=facts.actor, reason=reason, now_ms=facts.now_ms)
    return show_queue(facts, store, facts.query)


def resume(facts: Facts, store: Store, _form: Values) -> Answer:
    """Let jobs of a paused queue start again."""
    queues.resume(store, facts.args["name"], now_ms=facts.now_ms)
    return _shown(facts, store)


def list_workers(facts: Facts, store: Store, _query: Values) -> Answer:
    """List the workers."""
    crew = workers.health(store, now_ms=facts.now_ms)
    return answers.page([workers.record(row) for row in crew], None)


def stop_worker(facts: Facts, store: Store, _form: Values) -> Answer:
    """Let a worker's jobs end, and the worker with them."""
    text = facts.args["id"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < MANY_DIGITS else 0
    workers.tell_to_stop(store, number)
    crew = workers.health(store, now_ms=facts.now_ms)
    found = [workers.record(row) for row in crew if row.worker.id == number]
    return answers.answer(found[0] if found else {"id": number, "state": "stopped"}, status=202)


def dead_groups(_facts: Facts, store: Store, query: Values) -> Answer:
    """List the dead letters by what killed them, the most frequent first."""
    queue = query.given("queue")
    groups = burials.by_error(store, queue=None if queue is None else check_queue(queue))
    shown = groups[: answers.limit_of(query)]
    return answers.page(burials.records(store, shown), None)


def audits(_facts: Facts, store: Store, query: Values) -> Answer:
    """List who changed what through the dashboard and the API, the newest first."""
    limit = answers.limit_of(query)
    found = store.access().audits(limit=limit, below=answers.below_of(query))
    below = found[-1].number if len(found) == limit else None
    return answers.page([tokens.audit_record(audit) for audit in found], below)


def show_stats(facts: Facts, store: Store, _query: Values) -> Answer:
    """Count the jobs by state, and what happened since the queue began."""
    status = stats.status(store, now_ms=facts.now_ms)
    metrics = stats.summed(facts.context.totals.figures(store, now_ms=facts.now_ms))
    average = None if metrics.average_ms is None else round(metrics.average_ms / 1000, 3)
    return answers.answer(
        {
            "jobs": {str(state): jobs for state, jobs in status.counts.items()},
            "workers": status.workers,
            "dead_workers": status.dead_workers,
            "threads": status.threads,
            "busy": status.busy,
            "oldest_due": seconds(status.oldest_due_ms),
            "paused": [queues.record(one) for one in status.paused],
            "hooks": {str(state): runs for state, runs in status.hooks.items()},
            "events": dict(metrics.counts),
            "average_duration": average,
        }
    )


def show_config(facts: Facts, _store: Store, _query: Values) -> Answer:
    """Show the settings in force and where each comes from."""
    home = facts.context.home
    rows = settings.in_force(home, homes.read_config_file(home), os.environ)
    return answers.page([row._asdict() for row in rows], None)


def list_tokens(_facts: Facts, store: Store, _query: Values) -> Answer:
    """List the tokens; what they are is told once only, when they are made."""
    found = store.access().tokens()
    return answers.page([tokens.record(token) for token in found], None)


def add_token(facts: Facts, store: Store, _form: Values) -> Answer:
    """Make a token and tell it, this once."""
    body = answers.body_of(facts)
    answers.known(body, "name", "role")
    name, role = answers.text_of(body, "name") or "", answers.text_of(body, "role") or ""
    made = tokens.add(store, name, role, by=facts.actor, now_ms=facts.now_ms)
    fields = {"name": made.name, "role": made.role, "created_at": moment(facts.now_ms)}
    return answers.answer({**fields, "token": made.secret}, status=201, headers=[NO_STORE])


def remove_token(facts: Facts, store: Store, _form: Values) -> Answer:
    """Take a token back, and the sessions that it began."""
    tokens.remove(store, facts.args["name"], by=facts.actor, now_ms=facts.now_ms)
    return answers.nothing()


ROUTES: Sequence[Route] = (
    Route("GET", "/api/v1/queues", Role.READ, list_queues, "api"),
    Route("GET", "/api/v1/queues/<name>", Role.READ, show_queue, "api"),
    Route("PATCH", "/api/v1/queues/<name>", Role.OPERATE, limit, "api"),
    Route("POST", "/api/v1/queues/<name>/drain", Role.OPERATE, drain, "api"),
    Route("POST", "/api/v1/queues/<name>/pause", Role.OPERATE, pause, "api"),
    Route("POST", "/api/v1/queues/<name>/resume", Role.OPERATE, resume, "api"),
    Route("GET", "/api/v1/workers", Role.READ, list_workers, "api"),
    Route("POST", "/api/v1/workers/<id>/stop", Role.OPERATE, stop_worker, "api"),
    Route("GET", "/api/v1/dead/groups", Role.READ, dead_groups, "api"),
    Route("GET", "/api/v1/audits", Role.ADMIN, audits, "api"),
    Route("GET", "/api/v1/stats", Role.READ, show_stats, "api"),
    Route("GET", "/api/v1/config", Role.READ, show_config, "api"),
    Route("GET", "/api/v1/tokens", Role.ADMIN, list_tokens, "api"),
    Route("POST", "/api/v1/tokens", Role.ADMIN, add_token, "api"),
    Route("DELETE", "/api/v1/tokens/<name>", Role.ADMIN, remove_token, "api"),
)
