"""All pages: which view answers which path, and for whom."""

from __future__ import annotations

from queuectl_core.web import (
    views_bulk,
    views_dead,
    views_enqueue,
    views_events,
    views_job,
    views_jobs,
    views_metrics,
    views_operations,
    views_overview,
    views_queues,
    views_settings,
    views_workers,
)
from queuectl_core.web.facts import Role

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.web.facts import PageRow

PAGES: Sequence[PageRow] = (
    ("GET", "/", Role.READ, views_overview.overview),
    ("GET", "/jobs", Role.READ, views_jobs.show),
    ("GET", "/jobs.ndjson", Role.READ, views_jobs.export),
    ("POST", "/bulk", Role.OPERATE, views_bulk.bulk),
    ("GET", "/jobs/<id>", Role.READ, views_job.show),
    ("GET", "/jobs/<id>/output", Role.READ, views_job.output),
    ("GET", "/jobs/<id>/output.txt", Role.READ, views_job.download),
    ("POST", "/jobs/<id>", Role.OPERATE, views_job.act),
    ("POST", "/jobs/<id>/copy", Role.OPERATE, views_job.copy),
    ("GET", "/enqueue", Role.ADMIN, views_enqueue.ask),
    ("POST", "/enqueue", Role.ADMIN, views_enqueue.add),
    ("GET", "/queues", Role.READ, views_queues.show),
    ("POST", "/queues/limit", Role.OPERATE, views_queues.limit),
    ("POST", "/queues/pause", Role.OPERATE, views_queues.pause),
    ("POST", "/queues/resume", Role.OPERATE, views_queues.resume),
    ("GET", "/workers", Role.READ, views_workers.show),
    ("POST", "/workers/<id>/stop", Role.OPERATE, views_workers.stop),
    ("GET", "/dead", Role.READ, views_dead.show),
    ("GET", "/metrics-ui", Role.READ, views_metrics.show),
    ("GET", "/metrics.csv", Role.READ, views_metrics.export),
    ("GET", "/events", Role.READ, views_events.show),
    ("GET", "/events.ndjson", Role.READ, views_events.export),
    ("GET", "/operations", Role.READ, views_operations.show),
    ("POST", "/operations/<id>", Role.OPERATE, views_operations.cancel),
    ("GET", "/settings", Role.READ, views_settings.show),
    ("POST", "/settings", Role.ADMIN, views_settings.change),
    ("POST", "/settings/tokens", Role.ADMIN, views_settings.add_token),
    ("POST", "/settings/hooks", Role.ADMIN, views_settings.add_hook),
    ("POST", "/settings/hooks/remove", Role.ADMIN, views_settings.remove_hook),
    ("POST", "/settings/tokens/remove", Role.ADMIN, views_settings.remove_token),
)
