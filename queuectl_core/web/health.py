"""What probes and Prometheus ask: plain text. Probes need no login, and tell nothing."""

from __future__ import annotations

from queuectl_core.errors import NoWorker, StorageBusy
from queuectl_core.services import prometheus, workers
from queuectl_core.web import assets
from queuectl_core.web.facts import Answer, Role
from queuectl_core.web.routes import Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Values

TEXT = "text/plain; charset=utf-8"
PROBES = frozenset({"/healthz", "/readyz", "/livez/worker"})
PLAIN = PROBES | {"/metrics"}
SLOW_MS = 1_000
_FOREVER = ("Cache-Control", "public, max-age=31536000, immutable")


def alive(_facts: Facts, _store: Store, _query: Values) -> Answer:
    """Say that the process answers."""
    return Answer(b"ok\n", TEXT)


def ready(facts: Facts, store: Store, _query: Values) -> Answer:
    """Say that the queue can be read, and written to within a second."""
    clock = facts.context.clock
    since_ms = clock.monotonic_ms()
    store.counts()
    store.access().give_up("", "")  # changes nothing, but takes the lock and commits
    took_ms = clock.monotonic_ms() - since_ms
    if took_ms >= SLOW_MS:
        raise StorageBusy(f"the queue took {took_ms} ms to answer")
    return Answer(b"ok\n", TEXT)


def worker_alive(facts: Facts, store: Store, _query: Values) -> Answer:
    """Say that a worker lives and responds."""
    crew = workers.health(store, now_ms=facts.now_ms)
    if not any(row.state in {"ok", "stopping"} for row in crew):
        raise NoWorker("no worker responds")
    return Answer(b"ok\n", TEXT)


def metrics(facts: Facts, store: Store, _query: Values) -> Answer:
    """Tell all figures in the text format of Prometheus."""
    context = facts.context
    figures = context.totals.figures(store, now_ms=facts.now_ms)
    text = prometheus.exposition(
        store, now_ms=facts.now_ms, figures=figures, more=context.requests.families()
    )
    return Answer(text.encode(), prometheus.CONTENT_TYPE)


def static(facts: Facts, _store: Store, query: Values) -> Answer:
    """Give a file of the dashboard; the browser keeps it where its version is asked for."""
    name = facts.args["name"]
    headers = [_FOREVER] if query.given("v") else [("Cache-Control", "no-cache")]
    return Answer(assets.read(f"static/{name}"), assets.content_type(name), headers=headers)


ROUTES: Sequence[Route] = (
    Route("GET", "/healthz", Role.PUBLIC, alive, "probe"),
    Route("GET", "/readyz", Role.PUBLIC, ready, "probe"),
    Route("GET", "/livez/worker", Role.PUBLIC, worker_alive, "probe"),
    Route("GET", "/metrics", Role.READ, metrics, "plain"),
    Route("GET", "/static/<name>", Role.PUBLIC, static, "file"),
)
