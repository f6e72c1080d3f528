"""The dead letters by how they died: errors that differ only in a number are one error."""

from __future__ import annotations

import re

from queuectl_core.records import Record
from queuectl_core.services.jobs import moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from queuectl_core.job import Job
    from queuectl_core.storage.records import Burials
    from queuectl_core.storage.store import Store

# What differs from job to job, where the words around it do not. The names of the groups are put in
# its place. Digits are zeros when this is asked.
_VARYING = re.compile(
    r"""
    (?P<TIME> 0000-00-00 (?: [T ] 00:00 [0:.,]* (?: Z | [+-][0:]+ )? )? | 00?:00:00 (?: [.,]0+ )? )
    | (?P<UUID> \b [0a-fA-F]{8} (?: -[0a-fA-F]{4} ){3} -[0a-fA-F]{12} \b )
    | (?P<HEX> \b 0x[0a-fA-F]+ \b | \b (?= [a-f]*0 ) (?= 0*[a-f] ) [0a-f]{7,} \b )
    | (?P<N> 0+ (?: [.,]0+ )* )
    """,
    re.VERBOSE,
)
_ZEROS = str.maketrans("123456789", "000000000")


class Group(Record):
    """Dead jobs with one error. `number` is the one that died last."""

    error: str
    jobs: int
    last_at_ms: int
    number: int


def by_error(store: Store, *, queue: str | None = None) -> list[Group]:
    """Return the groups of dead jobs, the largest first, of those alike the latest first."""
    # errors are many, their forms few: the slow part is done once for each form
    forms: dict[str, list[int]] = {}
    errors: dict[str, list[int]] = {}
    for row in store.insight().burials(queue=queue):
        error, jobs, last_at_ms, number = row.error, row.jobs, row.last_at_ms, row.number
        tallies = forms if error else errors
        key = error.translate(_ZEROS) if error else _without_error(row)
        tally = tallies.get(key)
        if tally is None:
            tallies[key] = [jobs, last_at_ms, number]
            continue
        tally[0] += jobs
        if last_at_ms > tally[1]:
            tally[1:] = last_at_ms, number
    for form, (jobs, last_at_ms, number) in forms.items():
        _tally(errors, _normalised(form), jobs, last_at_ms, number)
    groups = [Group(error, *tally) for error, tally in errors.items()]
    return sorted(groups, key=lambda group: (-group.jobs, -group.last_at_ms))


def _tally(tallies: dict[str, list[int]], key: str, jobs: int, at_ms: int, number: int) -> None:
    """Add to a key's jobs; keep its latest moment and the number that goes with it."""
    tally = tallies.setdefault(key, [0, at_ms, number])
    tally[0] += jobs
    if at_ms > tally[1]:
        tally[1:] = at_ms, number


def _normalised(error: str) -> str:
    """Return an error line with N, TIME, UUID and HEX for what varies."""
    return _VARYING.sub(lambda found: found.lastgroup or "", error.translate(_ZEROS))


def error_of(dead: Burials | Job) -> str:
    """Return the error of the group to which dead jobs that ended like this belong."""
    return _normalised(dead.error) if dead.error else _without_error(dead)


def _without_error(row: Burials | Job) -> str:
    """Say how a job ended that wrote nothing to stderr."""
    if row.reason not in {"exit", "signal", None}:
        return f"({row.reason})"
    return f"(signal {row.signal})" if row.exit_code is None else f"(exit code {row.exit_code})"


def records(store: Store, groups: Iterable[Group]) -> Sequence[dict[str, object]]:
    """Return what the world sees of the groups; `example` is the job that died last."""
    return [
        {
            "error": group.error,
            "jobs": group.jobs,
            "last_at": moment(group.last_at_ms),
            "example": example(store, group),
        }
        for group in groups
    ]


def example(store: Store, group: Group) -> str:
    """Return the name of the job that died last."""
    job = store.job_by_number(group.number)
    return str(group.number) if job is None else job.name
