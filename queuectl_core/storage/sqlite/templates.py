"""Definitions of schedules as JSON in a column and back; what a newer version added is left out."""

from __future__ import annotations

import json

from queuectl_core import options
from queuectl_core.flow import Flow, Mutex, Unique
from queuectl_core.job import NewJob
from queuectl_core.schedule import Definition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Fields = Mapping[str, Any]  # of JSON that we wrote


def to_json(definition: Definition) -> str:
    """Return what the queue keeps of a definition: what differs from the defaults."""
    fields = _given(definition)
    fields["job"] = _job_fields(definition.job)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> Definition:
    """Return the definition that `to_json` wrote."""
    kept = json.loads(text)
    fields = {name: kept[name] for name in Definition._fields if name in kept}
    return Definition(**(fields | {"job": _job(kept["job"])}))


def _given(record: Definition | NewJob) -> dict[str, Any]:
    defaults = record._field_defaults
    return {
        name: value
        for name, value in record._asdict().items()
        if name not in defaults or value != defaults[name]
    }


def _job_fields(job: NewJob) -> dict[str, Any]:
    fields = _given(job)
    if job.options is not None:
        fields["options"] = options.to_json(job.options)
    if job.flow is not None:
        fields["flow"] = {"unique": job.flow.unique, "mutex": job.flow.mutex}
    return fields


def _job(kept: Fields) -> NewJob:
    fields = {name: kept[name] for name in NewJob._fields if name in kept}
    for name in ("argv", "tags"):
        if fields.get(name) is not None:
            fields[name] = tuple(fields[name])
    if "options" in fields:
        fields["options"] = options.from_json(fields["options"])
    if "flow" in fields:
        fields["flow"] = _flow(fields["flow"])
    return NewJob(**fields)


def _flow(kept: Fields) -> Flow:
    unique, mutex = kept["unique"], kept["mutex"]
    return Flow(
        unique=None if unique is None else Unique(*unique),
        mutex=None if mutex is None else Mutex(*mutex),
    )
