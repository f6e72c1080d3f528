"""/api/v1/hooks. Who adds one runs a command as the worker's user: that takes the role admin."""

from __future__ import annotations

from queuectl_core.services import hooks, intake
from queuectl_core.web import api_answers as answers
from queuectl_core.web.facts import Role
from queuectl_core.web.routes import Route
from queuectl_core.web.security import NO_STORE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.hook import Hook
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Answer, Facts, Values


def list_hooks(facts: Facts, store: Store, _query: Values) -> Answer:
    """List the hooks and how they do."""
    return answers.page(_records(facts, store, store.hooks().all()), None)


def show_hook(facts: Facts, store: Store, _query: Values) -> Answer:
    """Show a hook."""
    return answers.answer(_records(facts, store, [hooks.find(store, facts.args["name"])])[0])


def add_hook(facts: Facts, store: Store, _form: Values) -> Answer:
    """Add a hook."""
    defaults = intake.Defaults(facts.context.settings.max_retries, facts.now_ms)
    hook = hooks.new_hook(answers.body_of(facts), defaults)
    added, _ = hooks.add(store, hook, by=facts.actor, now_ms=facts.now_ms)
    store.access().note(facts.actor, "hook add", added.name, added.event, now_ms=facts.now_ms)
    return answers.answer(_records(facts, store, [added])[0], status=201, headers=[NO_STORE])


def remove_hook(facts: Facts, store: Store, _form: Values) -> Answer:
    """Remove a hook."""
    name = facts.args["name"]
    hooks.remove(store, [name], now_ms=facts.now_ms)
    store.access().note(facts.actor, "hook rm", name, "", now_ms=facts.now_ms)
    return answers.nothing()


def _records(facts: Facts, store: Store, found: Sequence[Hook]) -> list[dict[str, object]]:
    """Return records; the values of their environment are for those who may set them."""
    records = hooks.records(store, found)
    for hook, record in zip(found, records, strict=True):
        if hook.run.env and not facts.role.may(Role.ADMIN):
            record["env"] = dict.fromkeys(hook.run.env, answers.MASK)
    return records


ROUTES: Sequence[Route] = (
    Route("GET", "/api/v1/hooks", Role.READ, list_hooks, "api"),
    Route("POST", "/api/v1/hooks", Role.ADMIN, add_hook, "api"),
    Route("GET", "/api/v1/hooks/<name>", Role.READ, show_hook, "api"),
    Route("DELETE", "/api/v1/hooks/<name>", Role.ADMIN, remove_hook, "api"),
)
