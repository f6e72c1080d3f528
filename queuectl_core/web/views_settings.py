"""Settings and where they come from, the queue's file, hooks, tokens and who changed what."""

from __future__ import annotations

import os

from queuectl_core import config
from queuectl_core import home as homes
from queuectl_core.errors import UsageError
from queuectl_core.hook import EVENTS
from queuectl_core.services import hooks, intake, settings, tokens
from queuectl_core.services.checks import size
from queuectl_core.web.facts import Redirect, Role
from queuectl_core.web.views_frame import framed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Page, Values

FEW = 20
CHANGEABLE = tuple(setting.key for setting in config.TABLE if setting.key != "db-path")
"""All but the one that would lead the dashboard and its workers to different queues."""
FILED = ("default", "file")
"""Where a value comes from that the file can change: a variable goes before it."""


def show(facts: Facts, store: Store, _query: Values) -> Page:
    """Show what is in force; tokens and their use to those who may make some."""
    return _page(facts, store, made=None)


def add_token(facts: Facts, store: Store, form: Values) -> Page:
    """Make a token and show its secret, this once."""
    made = tokens.add(
        store, form.get("name"), form.get("role"), by=facts.actor, now_ms=facts.now_ms
    )
    return _page(facts, store, made=made)


def remove_token(facts: Facts, store: Store, form: Values) -> Redirect:
    """Take a token back."""
    name = form.get("name")
    tokens.remove(store, name, by=facts.actor, now_ms=facts.now_ms)
    return Redirect("/settings", f"Token {name} is revoked")


def add_hook(facts: Facts, store: Store, form: Values) -> Redirect:
    """Add a hook that runs a shell line."""
    fields = {name: form.given(name) for name in ("event", "queue", "command", "over", "every")}
    defaults = intake.Defaults(facts.context.settings.max_retries, facts.now_ms)
    hook = hooks.new_hook(fields, defaults)
    added, _ = hooks.add(store, hook, by=facts.actor, now_ms=facts.now_ms)
    store.access().note(facts.actor, "hook add", added.name, added.event, now_ms=facts.now_ms)
    return Redirect("/settings", f"Hook {added.name} is added")


def remove_hook(facts: Facts, store: Store, form: Values) -> Redirect:
    """Remove a hook."""
    name = form.get("name")
    hooks.remove(store, [name], now_ms=facts.now_ms)
    store.access().note(facts.actor, "hook rm", name, "", now_ms=facts.now_ms)
    return Redirect("/settings", f"Hook {name} is removed")


def change(facts: Facts, store: Store, form: Values) -> Redirect:
    """Set a setting, or give it its default back."""
    home, key = facts.context.home, form.get("key")
    if key not in CHANGEABLE:
        raise UsageError(f'"{key[:60]}" is not changed from here', hint="queuectl config set")
    if form.get("action") == "unset":
        settings.forget(home, key)
        told = f"{key} has its default again"
    else:
        row = settings.change(home, key, form.get("value"))
        told = f"{key} is {row.value}"
    facts.context.settings = homes.read_settings(home, os.environ)
    store.access().note(facts.actor, "config set", key, told, now_ms=facts.now_ms)
    return Redirect("/settings", f"{told}; workers take it within a second")


def _page(facts: Facts, store: Store, *, made: tokens.NewToken | None) -> Page:
    home, path = facts.context.home, facts.context.db_path
    administers = facts.role.may(Role.ADMIN)
    rows = settings.in_force(home, homes.read_config_file(home), os.environ)
    return framed(
        store,
        "settings",
        "Settings",
        "settings",
        live=made is None,
        rows=[(row, config.BY_KEY[row.key]) for row in rows],
        changeable=[row for row in rows if row.key in CHANGEABLE and row.source in FILED],
        place_rows=_places(path, home.path),
        made=made,
        roles=tokens.ROLES,
        hooks=hooks.records(store, store.hooks().all()),
        events=EVENTS,
        tokens=store.access().tokens() if administers else (),
        audits=store.access().audits(limit=FEW) if administers else (),
    )


def _places(path: str, home: str) -> list[tuple[str, str]]:
    rows = [("Home", home), ("Queue file", path)]
    for name, suffix in (("Size of the queue", ""), ("Log of changes (WAL)", "-wal")):
        try:
            rows.append((name, size(os.stat(path + suffix).st_size)))
        except OSError:
            continue
    try:
        disk = os.statvfs(os.path.dirname(path))
    except OSError:
        return rows
    free = size(disk.f_bavail * disk.f_frsize)
    return [*rows, ("Free on its disk", f"{free} of {size(disk.f_blocks * disk.f_frsize)}")]
