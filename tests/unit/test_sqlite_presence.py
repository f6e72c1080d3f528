from __future__ import annotations

import os
import select

import pytest

from queuectl_core.errors import NoPermission, StorageError
from queuectl_core.storage import open_store
from queuectl_core.storage.sqlite import presence
from queuectl_core.storage.sqlite.bell import PipeBell, ring
from tests.builders import NOW_MS, new_worker


@pytest.fixture
def directory(tmp_path):
    return str(tmp_path)


def rang(bell):
    return bool(select.select([bell], [], [], 0)[0])


def fill(pipe):
    """Write until no byte more fits."""
    try:
        while os.write(pipe, b"!" * 4_096):
            pass
    except BlockingIOError:
        return


def test_a_lock_is_held_until_its_descriptor_is_closed(directory):
    hold = presence.try_hold(directory, 1)

    meanwhile = presence.try_hold(directory, 1)
    os.close(hold)
    afterwards = presence.try_hold(directory, 1)

    assert meanwhile is None
    assert afterwards is not None
    os.close(afterwards)


def test_a_worker_without_a_lock_file_is_not_alive(directory):
    assert presence.is_alive(directory, 1) is False
    assert os.listdir(directory) == []


def test_programs_that_we_start_do_not_inherit_a_lock(directory):
    hold = presence.try_hold(directory, 1)

    assert not os.get_inheritable(hold)
    os.close(hold)


@pytest.mark.parametrize("look", [presence.try_hold, presence.is_alive])
def test_a_planted_link_in_the_place_of_a_lock_is_not_followed(directory, tmp_path, look):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "1.lock").symlink_to(tmp_path / "victim")

    with pytest.raises(NoPermission, match=r"1\.lock"):
        look(directory, 1)


def test_locks_that_have_no_directory_are_an_error_of_ours(tmp_path):
    path = str(tmp_path / "queue.db")
    (tmp_path / "queue.db.workers").write_text("")
    store = open_store(path, now_ms=NOW_MS)

    with pytest.raises(StorageError, match=r"queue\.db\.workers"):
        store.register(new_worker(), now_ms=NOW_MS)

    store.close()


def test_a_full_bell_has_rung_and_blocks_nobody(directory):
    bell = PipeBell(directory, 1)
    fill(bell.fileno())

    ring(directory)

    assert rang(bell)
    bell.clear()
    assert not rang(bell)
    bell.close()


def test_a_closed_bell_is_taken_off(directory):
    PipeBell(directory, 1).close()

    assert os.listdir(directory) == []


def test_a_bell_that_somebody_took_off_can_be_closed(directory):
    bell = PipeBell(directory, 1)
    os.unlink(os.path.join(directory, "1.bell"))

    bell.close()


def test_a_bell_that_can_not_be_hung_is_an_error_of_ours(tmp_path):
    with pytest.raises(StorageError, match=r"1\.bell"):
        PipeBell(str(tmp_path / "nowhere"), 1)


def test_only_bells_are_rung(directory, tmp_path):
    (tmp_path / "1.lock").write_text("")
    (tmp_path / "2.bell").symlink_to(tmp_path / "1.lock")

    ring(directory)
    ring(str(tmp_path / "nowhere"))

    assert (tmp_path / "1.lock").read_text() == ""
