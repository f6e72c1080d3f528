"""Schedules in and out: their records, one a line; and crontabs. An import is all or nothing."""

from __future__ import annotations

from queuectl_core.errors import BadData, JobExists
from queuectl_core.records import Record
from queuectl_core.schedule import NewSchedule
from queuectl_core.services import crontab, intake, schedules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.schedule import Definition
    from queuectl_core.services.crontab import Options
    from queuectl_core.services.intake import Defaults
    from queuectl_core.storage.store import Store


class Incoming(Record):
    """One schedule to add, with what is to be known about it; `paused` as it was."""

    line: int
    definition: Definition
    findings: tuple[str, ...] = ()
    paused_by: str | None = None
    pause_reason: str | None = None


def read(text: str, defaults: Defaults) -> list[Incoming]:
    """Return the schedules of an export; BadData with the line's number where one is wrong."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.append(_incoming(number, _one_object(line), defaults))
        except BadData as error:
            raise BadData(f"line {number}: {error}", hint=error.hint) from error
    return _each_once(found)


def _one_object(line: str) -> Mapping[str, object]:
    objects = intake.read_objects(line)
    if len(objects) != 1:
        raise BadData("one schedule a line", hint="queuectl schedule export writes such lines")
    return objects[0]


def _incoming(number: int, fields: Mapping[str, object], defaults: Defaults) -> Incoming:
    made = schedules.definition(fields, defaults)
    if fields.get("state") != "paused":
        return Incoming(number, made)
    by, reason = fields.get("paused_by"), fields.get("pause_reason")
    return Incoming(number, made, (), str(by or "import"), None if reason is None else str(reason))


def read_crontab(text: str, options: Options, defaults: Defaults) -> list[Incoming]:
    """Return the schedules of a crontab, each with its findings."""
    found = []
    for line in crontab.Crontab(options).lines(text):
        try:
            made = schedules.definition(line.fields, defaults)
        except BadData as error:
            raise BadData(f"line {line.number}: {error}", hint=error.hint) from error
        found.append(Incoming(line.number, made, line.findings))
    return _each_once(found)


def _each_once(found: list[Incoming]) -> list[Incoming]:
    seen: dict[str, int] = {}
    for one in found:
        name = one.definition.name
        if name in seen:
            raise BadData(f'line {one.line}: line {seen[name]} has the name "{name}" too')
        seen[name] = one.line
    return found


def add(store: Store, incoming: Sequence[Incoming], *, on_conflict: str, now_ms: int) -> list[bool]:
    """Add schedules, all or none; tell of each whether it was. JobExists at a conflict.

    On conflict `skip` leaves the old one, `replace` puts the new one in its place.
    """
    known = {one.name for one in store.schedules().all()}
    taken = [one for one in incoming if one.definition.name in known]
    if taken and on_conflict == "error":
        raise JobExists(
            f'line {taken[0].line}: there is a schedule "{taken[0].definition.name}" already;'
            " nothing was added",
            hint="--on-conflict skip leaves it, replace puts the new one in its place",
        )
    new = [
        NewSchedule(
            one.definition,
            schedules.upcoming(one.definition, now_ms),
            one.paused_by,
            one.pause_reason,
        )
        for one in incoming
    ]
    return store.schedules().put(new, now_ms=now_ms, replace=on_conflict == "replace")
