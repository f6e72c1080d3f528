"""What backup, restore and the doctor learn from storage."""

from __future__ import annotations

from queuectl_core.records import Record


class Copy(Record):
    """What a copy of a queue holds. `schema` is the number of its last migration."""

    jobs: int
    size_bytes: int
    schema: int
    queue_id: str


class Restored(Record):
    """What a restore did.

    `set_aside` is where the old file lies now, None where there was nothing to keep;
    `replaced_jobs` how many jobs are in it, None where they could not be counted.
    """

    jobs: int
    queue_id: str
    set_aside: str | None
    replaced_jobs: int | None


class Miscount(Record):
    """A figure of `status` that is not what the rows say."""

    queue: str
    state: str
    counted: int
    found: int


class Presence(Record):
    """A worker that the queue knows or that jobs name.

    `claims` is how many jobs it holds; `seen_at_ms` its last heartbeat, None where only jobs name
    it; `alive` what the kernel says.
    """

    worker: int
    seen_at_ms: int | None
    alive: bool
    claims: int


class HookRow(Record):
    """A hook as the doctor sees it. `program` is None for a shell line, which is `command`."""

    name: str
    command: str | None
    program: str | None
    cwd: str | None
    waiting: int
    dead: int
