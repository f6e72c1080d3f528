"""Power cuts while a queue is backed up, and while a backup takes a queue's place."""

from __future__ import annotations

import glob
import os
import shutil

import pytest

from queuectl_core import storage
from queuectl_core.clock import SystemClock
from queuectl_core.errors import StorageDamaged
from queuectl_core.services import backup
from queuectl_core.storage import open_store
from queuectl_core.storage.sqlite import upkeep
from tests.builders import NOW_MS
from tests.conformance import steps
from tests.faults.disk import Disk, put
from tests.faults.test_power import moments, told
from tests.faults.test_power_files import after

LUCKS = range(4)


def view_of(path):
    """Return what a queue shows; None where it is refused."""
    try:
        store = open_store(path, now_ms=NOW_MS)
    except StorageDamaged:
        return None
    try:
        assert store._connection.execute("PRAGMA integrity_check").get == "ok"
        steps.assert_figures_are_true(store)
        return steps.view(store)
    finally:
        store.close()


def enqueue(path, *ids):
    store = open_store(path, now_ms=NOW_MS)
    for job_id in ids:
        steps.enqueue(store, id=job_id)
    store.close()


# --- backup ---


def back_up(path, copy, *, replace):
    store = open_store(path, now_ms=NOW_MS)
    wish = backup.Wish(path=copy, db_path=path, replace=replace, verify=True)
    backup.back_up(store, wish, clock=SystemClock())
    store.close()


def cut_backups(directory, luck):
    """Check every moment of two backups of one name: none, or a whole one, and the queue as ever.

    The first has one job, the second, which takes its place, three.
    """
    life = os.path.join(directory, "life")
    os.mkdir(life, 0o700)
    path, copy = os.path.join(life, "queue.db"), os.path.join(life, "copy.db")
    with Disk(life) as disk:
        enqueue(path, "a")
        begun = len(disk.log)
        back_up(path, copy, replace=False)
        disk.acknowledge(1)
        enqueue(path, "b", "c")
        back_up(path, copy, replace=True)
        disk.acknowledge(3)

    for done, acknowledged, remains in moments([*disk.log, disk.log[-1]]):
        if done >= begun:
            with told(f"{luck=}: after {done} operations"):
                place = os.path.join(directory, str(done))
                found = put(after(remains, luck, done), place)
                check_backups(found, os.path.join(place, "copy.db"), acknowledged)


def check_backups(path, copy, acknowledged):
    assert {job.id for job in view_of(path).jobs} >= {"a"}
    jobs = storage.verify_copy(copy).jobs if os.path.lexists(copy) else 0
    assert jobs in {0, 1, 3}
    assert jobs >= acknowledged


@pytest.mark.parametrize("luck", LUCKS)
def test_a_power_cut_leaves_the_old_backup_or_the_new(tmp_path, luck):
    cut_backups(str(tmp_path), luck)


# --- restore ---


def cut_a_restore(directory, luck):
    """Check every moment of a restore: the old queue, or the new, or one that says to repeat it."""
    life = os.path.join(directory, "life")
    os.mkdir(life, 0o700)
    path, source = os.path.join(life, "queue.db"), os.path.join(directory, "source.db")
    enqueue(source, "x")
    with Disk(life) as disk:
        enqueue(path, "a", "b")
        old = view_of(path)
        begun = len(disk.log)
        upkeep.restore(path, source, now_ms=NOW_MS, force=True)
        disk.acknowledge(0)
    new = view_of(path)

    for done, acknowledged, remains in moments([*disk.log, disk.log[-1]]):
        if done >= begun:
            with told(f"{luck=}: after {done} operations"):
                place = os.path.join(directory, str(done))
                found = put(after(remains, luck, done), place)
                check_restored(found, source, old, new, must_be=acknowledged >= 0)
                shutil.rmtree(place)


def check_restored(path, source, old, new, *, must_be):
    found = view_of(path)
    assert found in (old, new, None)
    assert found == new or not must_be
    if found != old:
        kept = glob.glob(f"{path}.replaced-*Z")
        assert [storage.verify_copy(name).jobs for name in kept] == [len(old.jobs)]
    if found is None:
        upkeep.restore(path, source, now_ms=NOW_MS, force=False)
        assert view_of(path) == new


@pytest.mark.parametrize("luck", LUCKS)
def test_a_restore_that_was_cut_off_lost_neither_queue(tmp_path, luck):
    cut_a_restore(str(tmp_path), luck)
