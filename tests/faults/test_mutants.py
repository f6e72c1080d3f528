"""Carelessness that these tests must catch: docs/design/0009-what-was-broken-on-purpose.md.

Each mutant forgets a sync, an order or an error. The check named beside it must fail on it, and
pass on the true product.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw
import pytest

from queuectl_core import home as homes
from queuectl_core.errors import QueuectlError
from queuectl_core.storage.sqlite import connection as opening
from queuectl_core.storage.sqlite import files, ledger, upkeep
from tests.faults import disk, test_io_errors, test_power, test_power_copies, test_power_files
from tests.faults.traffic import live

if TYPE_CHECKING:
    from collections.abc import Callable

# --- the mutants ---


def set_pragma(patch, pragma):
    connect = opening.connect

    def connect_otherwise(path):
        connection = connect(path)
        connection.execute(pragma).fetchall()
        return connection

    patch.setattr(opening, "connect", connect_otherwise)


def commits_are_not_synced(patch):
    set_pragma(patch, "PRAGMA synchronous = NORMAL")


def nothing_of_the_queue_is_synced(patch):
    set_pragma(patch, "PRAGMA synchronous = OFF")


def figures_are_written_after_the_commit(patch):
    leave = ledger.Ledger.__exit__

    def leave_and_count(self, kind, error, trace):
        counts, rollups = dict(self._counts), dict(self._rollups)
        self._counts.clear()
        self._rollups.clear()
        leave(self, kind, error, trace)
        self._counts.update(counts)
        self._rollups.update(rollups)
        self.write_figures()

    patch.setattr(ledger.Ledger, "__exit__", leave_and_count)


def our_own_files_are_not_synced(patch):
    fsync = disk._Os.fsync

    def fsync_directories(self, fd):
        if os.path.isdir(self._paths.get(fd, "")):
            fsync(self, fd)

    patch.setattr(disk._Os, "fsync", fsync_directories)


def names_are_not_synced(patch):
    patch.setattr(files, "sync_directory", lambda _path: None)
    patch.setattr(homes, "sync_directory", lambda _path: None)


def the_id_is_written_in_place(patch):
    def write_id(path, queue_id):
        write_in_place(files.os, files.id_path(path), f"{queue_id}\n")

    patch.setattr(files, "write_id", write_id)


def write_in_place(system, path, text):
    fd = system.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    system.write(fd, text.encode())
    system.fsync(fd)
    system.close(fd)
    files.sync_directory(os.path.dirname(path))


def the_id_is_noted_before_there_is_a_queue(patch):
    create = files.create_queue_file

    def create_and_note(path):
        create(path)
        files.write_id(path, "0" * 32)

    patch.setattr(files, "create_queue_file", create_and_note)


def settings_are_written_in_place(patch):
    def write_config_file(home, values):
        write_in_place(homes.os, home.config_path, json.dumps(values))

    patch.setattr(homes, "write_config_file", write_config_file)


def a_migration_is_not_one_transaction(patch):
    def migrate(connection, missing, now_ms):
        if missing[0].number == 1:
            true_migrate(connection, missing, now_ms)
        else:
            for migration in missing:
                opening._run(connection, migration, now_ms)

    true_migrate = opening._migrate
    patch.setattr(opening, "_migrate", migrate)


def each_script_is_a_transaction_of_its_own(patch):
    def migrate(connection, missing, now_ms):
        for migration in missing:
            true_migrate(connection, [migration], now_ms)

    true_migrate = opening._migrate
    patch.setattr(opening, "_migrate", migrate)


def a_migration_makes_no_copy(patch):
    patch.setattr(opening, "_keep_old", lambda _connection, _path: None)


def the_copy_is_written_in_place(patch):
    patch.setattr(opening, "_keep_old", opening.backup)


def an_error_of_the_commit_is_ignored(patch):
    leave = ledger.Ledger.__exit__

    def leave_in_silence(self, kind, error, trace):
        try:
            leave(self, kind, error, trace)
        except QueuectlError:
            if kind:
                raise

    patch.setattr(ledger.Ledger, "__exit__", leave_in_silence)


def an_error_of_the_disk_is_not_translated(patch):
    patch.setattr(ledger, "translated", lambda error, *_: error)


def the_old_queue_is_not_set_aside(patch):
    patch.setattr(upkeep, "_copy_bytes", lambda _file, _target, _size_bytes: None)


# --- who catches which ---


def cut_a_life(directory, _patch):
    os.mkdir(os.path.join(directory, "life"))
    life = live(os.path.join(directory, "life"), test_power.SEED)
    test_power.cut_the_power(life, directory, cuts=100)


def cut_the_making(directory, _patch):
    for luck in range(8):
        place = os.path.join(directory, str(luck))
        os.makedirs(os.path.join(place, "life"))
        life = live(os.path.join(place, "life"), test_power.SEED)
        test_power.cut_the_making(life, place, luck)


def cut_a_migration(directory, patch):
    for luck in range(3):
        place = os.path.join(directory, str(luck))
        os.mkdir(place)
        with patch.context() as inner:
            test_power_files.cut_a_migration(place, inner, luck)


def cut_the_settings(directory, _patch):
    for luck in range(3):
        place = os.path.join(directory, str(luck))
        os.mkdir(place, 0o700)
        test_power_files.cut_the_settings(place, luck)


def cut_backups(directory, _patch):
    in_places(directory, test_power_copies.cut_backups)


def cut_restores(directory, _patch):
    in_places(directory, test_power_copies.cut_a_restore)


def in_places(directory, cut):
    for luck in range(3):
        place = os.path.join(directory, str(luck))
        os.mkdir(place)
        cut(place, luck)


def let_a_sync_fail(directory, _patch):
    os.mkdir(os.path.join(directory, "queue"))
    queue = test_io_errors.make_queue(os.path.join(directory, "queue"))
    test_io_errors.test_one_error_of_the_disk_is_told_and_changes_nothing(
        queue, directory, "enqueue", "xSync"
    )


@dataclass(frozen=True)
class Check:
    """A mutant, and the check that must fail on it."""

    plant: Callable[[pytest.MonkeyPatch], None]
    look: Callable[[str, pytest.MonkeyPatch], None]

    def __str__(self):
        return f"{self.plant.__name__}-{self.look.__name__}"


CHECKS = [
    Check(commits_are_not_synced, cut_a_life),
    Check(nothing_of_the_queue_is_synced, cut_a_life),
    Check(nothing_of_the_queue_is_synced, cut_the_making),
    Check(figures_are_written_after_the_commit, cut_a_life),
    Check(our_own_files_are_not_synced, cut_the_making),
    Check(our_own_files_are_not_synced, cut_the_settings),
    Check(names_are_not_synced, cut_the_making),
    Check(names_are_not_synced, cut_the_settings),
    Check(names_are_not_synced, cut_a_migration),
    Check(the_id_is_written_in_place, cut_the_making),
    Check(the_id_is_noted_before_there_is_a_queue, cut_the_making),
    Check(settings_are_written_in_place, cut_the_settings),
    Check(a_migration_is_not_one_transaction, cut_a_migration),
    Check(each_script_is_a_transaction_of_its_own, cut_a_migration),
    Check(a_migration_makes_no_copy, cut_a_migration),
    Check(the_copy_is_written_in_place, cut_a_migration),
    Check(names_are_not_synced, cut_backups),
    Check(names_are_not_synced, cut_restores),
    Check(our_own_files_are_not_synced, cut_restores),
    Check(the_old_queue_is_not_set_aside, cut_restores),
    Check(an_error_of_the_commit_is_ignored, let_a_sync_fail),
    Check(an_error_of_the_disk_is_not_translated, let_a_sync_fail),
]
LOOKS = [
    cut_a_life, cut_the_making, cut_a_migration, cut_the_settings, cut_backups, cut_restores,
    let_a_sync_fail,
]  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_a_mutant_is_caught(check, monkeypatch, tmp_path):
    check.plant(monkeypatch)

    with pytest.raises((AssertionError, QueuectlError, apsw.Error)):
        check.look(str(tmp_path), monkeypatch)


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.__name__)
def test_the_true_product_passes(look, monkeypatch, tmp_path):
    look(str(tmp_path), monkeypatch)


def test_every_mutant_is_to_be_caught_by_something():
    planted = {
        name
        for name, value in globals().items()
        if callable(value) and getattr(value, "__code__", None) is not None
        if value.__code__.co_varnames[: value.__code__.co_argcount] == ("patch",)
    }

    assert {check.plant.__name__ for check in CHECKS} == planted
