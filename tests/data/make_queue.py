"""Make a queue file to keep: python tests/data/make_queue.py tests/data/queue-schema-0001.db

Run once for each schema, by the version that has it, and never again: the file stands for what
users have on disk.
"""

from __future__ import annotations

import os
import sys
import tempfile

import apsw

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from queuectl_core.flow import After, Flow, Mutex, Unique  # noqa: E402 - the script runs from anywhere
from queuectl_core.hook import Happening, NewHook  # noqa: E402
from queuectl_core.limits import Rate  # noqa: E402
from queuectl_core.options import JobOptions  # noqa: E402
from queuectl_core.schedule import Definition, Due, NewSchedule  # noqa: E402
from queuectl_core.storage import open_store  # noqa: E402 - the script runs from anywhere
from tests.builders import NOW_MS, new_job, new_worker  # noqa: E402
from tests.conformance import steps  # noqa: E402


def fill(path: str) -> None:
    """Write one job in each state, and one with every field, to a new queue."""
    store = open_store(path, now_ms=NOW_MS)
    worker = store.register(new_worker(queues=("mail",)), now_ms=NOW_MS)
    assert worker == steps.WORKER
    for state in steps.EVERY_STATE:
        steps.put(store, state, id=f"{state}-job", queue="mail")
    whole = new_job(
        argv=("printf", "%s\n", "ä"),
        id="whole",
        queue="reports",
        priority=9,
        run_at_ms=NOW_MS + 3_600_000,
        max_retries=7,
        timeout_ms=1_500,
        backoff="10,60",
        on_crash="hold",
        cwd="/srv",
        env={"LANG": "C.UTF-8"},
        options=JobOptions(ok_codes="0,3", kill_after_ms=500, input="ä\n"),
        tags=("monthly", "paper"),
    )
    flowing = Flow(
        after=(After("whole", "any"),),
        unique=Unique("nightly", "1h", 3_600_000),
        mutex=Mutex("db", 2),
        expires_at_ms=NOW_MS + 7_200_000,
        hold=True,
    )
    store.enqueue([whole, new_job(id="flowing", flow=flowing)], now_ms=NOW_MS)
    alarm = NewHook(
        "dead",
        new_job(argv=("./alarm", "ä"), env={"TEAM": "ops"}, timeout_ms=9_000, priority=9),
        name="alarm",
        queue="mail",
        every_ms=600_000,
    )
    store.hooks().add(alarm, by="ada", now_ms=NOW_MS)
    slow = NewHook("slow", new_job("cat"), over_ms=1_000, paused=True)
    store.hooks().add(slow, by="ada", now_ms=NOW_MS)
    store.hooks().tell(Happening("dead", "mail"), now_ms=NOW_MS)
    limits = {"concurrency": 2, "rate": Rate(10, 60_000), "max_pending": 100}
    store.set_limits("reports", limits, now_ms=NOW_MS)
    store.drain("old", by="ann", now_ms=NOW_MS)
    definition = Definition(
        "nightly",
        "30 2 * * *",
        "Europe/Berlin",
        whole._replace(id=None, run_at_ms=None, flow=Flow(unique=Unique("backup"))),
        NOW_MS,
        expires_ms=3_600_000,
        catch_up="all",
        catch_up_ms=21_600_000,
        expect_ms=93_600_000,
    )
    due = Due(NOW_MS + 3_600_000, NOW_MS + 3_600_000)
    store.schedules().put([NewSchedule(definition, due)], now_ms=NOW_MS)
    store.schedules().run("nightly", max_retries=3, now_ms=NOW_MS)
    store.close()


def main(target: str) -> None:
    """Fill a queue elsewhere and put it into one file without a log beside it."""
    if os.path.exists(target):
        raise SystemExit(f"{target} exists, and old files are kept as they are")
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "queue.db")
        fill(path)
        connection = apsw.Connection(path)
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        connection.execute("VACUUM INTO ?", (target,)).fetchall()
        connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
