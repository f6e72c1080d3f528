"""Power cuts, replayed: https://sqlite.org/atomiccommit.html tells what SQLite promises of them.

At many moments of a queue's life everything that was synced is there; of the rest every sector of
512 bytes and every name is there, is not, or is there in part. `POWER_CUTS` sets how many moments
(300 for a release), `POWER_SEED` the luck; a failure prints both.
"""

from __future__ import annotations

import os
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from queuectl_core.storage import open_store
from queuectl_core.storage.sqlite import connection as opening
from queuectl_core.storage.sqlite import files
from tests.builders import NOW_MS
from tests.conformance import steps
from tests.faults import disk
from tests.faults.traffic import live

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

    from tests.faults.traffic import Life

POWER_CUTS = int(os.environ.get("POWER_CUTS", "60"))
SEED = int(os.environ.get("POWER_SEED", "20"))


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    """Return one recorded life; the tests of this module look at it and change nothing."""
    return live(str(tmp_path_factory.mktemp("life")), SEED)


def moments(log: Sequence[disk.Operation]) -> Iterator[tuple[int, int, disk.Remains]]:
    """Yield (operations done, last step acknowledged or -1, what is on the disk)."""
    remains = disk.Remains()
    acknowledged = -1
    for done, operation in enumerate(log):
        yield done, acknowledged, remains
        remains.take(operation)
        if isinstance(operation, disk.Acknowledged):
            acknowledged = operation.step


def check(life: Life, directory: str, acknowledged: int, contents: dict[str, bytes]) -> None:
    """Open what a power cut left, by the real engine: nothing that was told may be missing."""
    os.makedirs(os.path.dirname(directory), exist_ok=True)
    path = disk.put(contents, directory)
    if acknowledged >= 0:
        assert files.read_id(path) == life.id
    store = open_store(path, now_ms=NOW_MS)
    try:
        assert store._connection.execute("PRAGMA integrity_check").get == "ok"
        allowed = life.views[max(acknowledged, 0) : acknowledged + 2]
        assert steps.view(store) in ([*allowed, NOTHING] if acknowledged < 0 else allowed)
        steps.assert_figures_are_true(store)
        steps.enqueue(store)
        steps.assert_figures_are_true(store)
    finally:
        store.close()


NOTHING = steps.View([], {}, {}, [], [])


def cut_the_power(life: Life, directory: str, cuts: int = POWER_CUTS, seed: int = SEED) -> None:
    """Check a life at some moments, the same for the same seed."""
    chosen = set(random.Random(seed).sample(range(len(life.log)), min(cuts, len(life.log))))
    for done, acknowledged, remains in moments(life.log):
        if done in chosen:
            contents = remains.after_a_power_cut(random.Random(seed * 1_000_003 + done))
            with told(f"{cuts=} {seed=}: after {done} operations, step {acknowledged}"):
                check(life, os.path.join(directory, str(done)), acknowledged, contents)


@contextmanager
def told(where: str) -> Iterator[None]:
    """Say in a failure where it was, and how to get there again."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"POWER_CUTS, POWER_SEED: {where}: {error!r:.800}") from error


def test_the_life_is_worth_a_power_cut(life):
    """The log is begun anew in the middle, and every verb had something to do."""
    headers = [op.node for op in life.log if isinstance(op, disk.Write) and len(op.data) == 32]
    happened = {event.event for event in life.views[-1].events}

    assert happened >= {"enqueue", "claim", "complete", "fail", "bury", "cancel", "rescue"}
    assert len(headers) - len(set(headers)) > 3


def test_no_power_cut_loses_what_was_told(life, tmp_path):
    cut_the_power(life, str(tmp_path))


def cut_the_making(life: Life, directory: str, luck: int) -> None:
    """Check every moment until the queue was made."""
    made = life.log.index(disk.Acknowledged(0))
    for done, acknowledged, remains in moments(life.log[: made + 2]):
        contents = remains.after_a_power_cut(random.Random(luck * 1_000_003 + done))
        with told(f"{luck=}: after {done} operations"):
            check(life, os.path.join(directory, str(done)), acknowledged, contents)


@pytest.mark.parametrize("luck", range(3))
def test_no_power_cut_spoils_a_queue_that_is_being_made(life, tmp_path, luck):
    cut_the_making(life, str(tmp_path), luck)


def test_no_kill_loses_what_was_told(life, tmp_path):
    chosen = random.Random(SEED).sample(range(len(life.log)), POWER_CUTS)
    for done, acknowledged, remains in moments(life.log):
        if done in chosen:
            with told(f"after {done} operations, step {acknowledged}"):
                check(life, str(tmp_path / str(done)), acknowledged, remains.after_a_kill())


def lost(life: Life, directory: str, cuts: int) -> int:
    """Return after how many of some power cuts an acknowledged step is missing."""
    losses = 0
    for cut in range(cuts):
        try:
            cut_the_power(life, os.path.join(directory, str(cut)), cuts=1, seed=cut)
        except AssertionError:
            losses += 1
    return losses


def test_without_a_sync_at_each_commit_jobs_are_lost(tmp_path, monkeypatch):
    """The test of the test: https://sqlite.org/pragma.html#pragma_synchronous."""
    connect = opening.connect

    def connect_carelessly(path: str) -> apsw.Connection:
        connection = connect(path)
        connection.execute("PRAGMA synchronous = NORMAL").fetchall()
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(opening, "connect", connect_carelessly)
        (tmp_path / "life").mkdir()
        careless = live(str(tmp_path / "life"), SEED)

    assert lost(careless, str(tmp_path), 30) > 3
