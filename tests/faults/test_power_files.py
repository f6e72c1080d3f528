"""Power cuts while a queue is migrated, a setting stored, a home made."""

from __future__ import annotations

import os
import random

import apsw
import pytest

from queuectl_core import home as homes
from queuectl_core.home import Home
from queuectl_core.storage import open_store
from queuectl_core.storage.migrate import Migration
from queuectl_core.storage.sqlite import connection as opening
from queuectl_core.storage.sqlite import migrations
from tests.builders import NOW_MS
from tests.conformance import steps
from tests.faults.disk import Disk, Remains, put
from tests.faults.test_power import moments, told

LUCKS = range(4)


def after(remains: Remains, luck: int, done: int) -> dict[str, bytes]:
    """Return what is left: with luck 0 of a kill, which loses nothing, else of a power cut."""
    if luck == 0:
        return remains.after_a_kill()
    return remains.after_a_power_cut(random.Random(luck * 1_000_003 + done))


# --- a migration ---


STEPS = (
    "CREATE TABLE notes (text TEXT) STRICT; INSERT INTO notes VALUES ('old');",
    "ALTER TABLE notes ADD COLUMN more TEXT; UPDATE notes SET text = 'new';",
)


def newer_schema(patch):
    """Make this a queuectl whose schema is two numbers further."""
    first = opening.SCHEMA_VERSION + 1
    more = [Migration(first + n, f"notes{n}", script) for n, script in enumerate(STEPS)]
    patch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, *more))
    patch.setattr(opening, "SCHEMA_VERSION", more[-1].number)


def migrate(directory, patch):
    """Record a migration while another process has the old queue open; return the record.

    Its log is there already, so that nothing that SQLite does syncs the directory.
    """
    path = os.path.join(directory, "queue.db")
    with Disk(directory) as disk:
        other = open_store(path, now_ms=NOW_MS)
        steps.enqueue(other, id="a")
        begun = len(disk.log)
        newer_schema(patch)
        store = open_store(path, now_ms=NOW_MS)
        disk.acknowledge(0)
        store.close()
        other.close()
    return disk.log, begun


def look(path, statement):
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        return connection.execute(statement).get
    finally:
        connection.close()


def cut_a_migration(directory, patch, luck):
    """Check every moment of a migration: it is done, with a copy from before, or not begun."""
    older = opening.SCHEMA_VERSION
    os.mkdir(os.path.join(directory, "life"))
    log, begun = migrate(os.path.join(directory, "life"), patch)

    for done, acknowledged, remains in moments([*log, log[-1]]):
        if done >= begun:
            with told(f"{luck=}: after {done} operations"):
                path = put(after(remains, luck, done), os.path.join(directory, str(done)))
                check_migrated(path, older, must_be=acknowledged >= 0)


def check_migrated(path, older, *, must_be):
    newest = older + len(STEPS)
    version = look(path, "PRAGMA user_version")
    tables = look(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'notes'")
    assert (version, tables) in {(older, 0), (newest, 1)}
    assert version > older or not must_be
    if version > older:
        copy = f"{path}.before-{newest:04d}"
        assert look(copy, "PRAGMA user_version") == older
        assert look(copy, "SELECT id FROM jobs") == "a"
    store = open_store(path, now_ms=NOW_MS)
    assert store.job_by_id("a")
    store.close()
    assert look(path, "SELECT text FROM notes") == "new"


@pytest.mark.parametrize("luck", LUCKS)
def test_a_migration_that_was_cut_off_is_done_or_not_begun(tmp_path, monkeypatch, luck):
    cut_a_migration(str(tmp_path), monkeypatch, luck)


# --- settings ---


def change_settings(directory):
    """Record three changes of the settings file; return the record."""
    home = Home(directory)
    with Disk(directory) as disk:
        for step in range(3):
            homes.write_config_file(home, {"max_retries": step, "db_path": "q" * 600 * step})
            disk.acknowledge(step)
    return disk.log


def cut_the_settings(directory, luck):
    """Check every moment: no half file, nothing older than what was told."""
    os.mkdir(os.path.join(directory, "life"), 0o700)
    log = change_settings(os.path.join(directory, "life"))

    for done, acknowledged, remains in moments([*log, log[-1]]):
        with told(f"{luck=}: after {done} operations"):
            place = os.path.join(directory, str(done))
            put(after(remains, luck, done), place)
            step = homes.read_config_file(Home(place)).get("max_retries", -1)
            assert acknowledged <= step <= acknowledged + 1


@pytest.mark.parametrize("luck", range(8))
def test_a_power_cut_leaves_the_old_settings_or_the_new(tmp_path, luck):
    cut_the_settings(str(tmp_path), luck)


# --- a home ---


def test_the_names_of_a_new_home_are_on_disk_before_anything_is_told(tmp_path, monkeypatch):
    """Else the power cut after the first job takes the home, and the queue with it."""
    made = []
    monkeypatch.setattr(homes, "sync_directory", made.append)

    homes.prepare(Home(str(tmp_path / "var" / "lib" / "queuectl")))
    first = list(made)
    homes.prepare(Home(str(tmp_path / "var" / "lib" / "queuectl")))

    assert first == [str(tmp_path / "var" / "lib"), str(tmp_path / "var"), str(tmp_path)]
    assert made == first
