from __future__ import annotations

import json

import pytest

from queuectl_core import config
from queuectl_core.errors import BadConfig
from queuectl_core.home import Home, read_settings
from queuectl_core.services import settings


@pytest.fixture
def home(tmp_path):
    return Home(str(tmp_path / "home"))


def stored(home):
    with open(home.config_path, encoding="utf-8") as file:
        return json.load(file)


@pytest.mark.parametrize("row", config.TABLE, ids=lambda row: row.key)
def test_every_default_can_be_set_as_it_is_shown(home, row):
    shown = settings.in_force(home, {}, {})
    value = next(found.value for found in shown if found.key == row.key)

    settings.change(home, row.key, str(value))

    assert read_settings(home, {}) is not None
    assert str(stored(home)[row.field]) == str(value)


def test_change_takes_both_spellings_and_stores_one(home):
    settings.change(home, "max-retries", "5")
    settings.change(home, "max_retries", "6")

    assert stored(home) == {"max_retries": 6}


def test_change_replaces_a_hyphenated_key_of_the_file(home, tmp_path):
    settings.change(home, "job-timeout", "7")
    with open(home.config_path, "w", encoding="utf-8") as file:
        json.dump({"max-retries": 4, "job_timeout": 7}, file)

    settings.change(home, "max-retries", "5")

    assert stored(home) == {"max_retries": 5, "job_timeout": 7}


def test_change_refuses_and_writes_nothing(home, tmp_path):
    with pytest.raises(BadConfig):
        settings.change(home, "max-retries", "x")

    assert not (tmp_path / "home").exists()


def test_forget_tells_whether_it_was_there(home):
    settings.change(home, "max-retries", "5")

    assert settings.forget(home, "max-retries")
    assert not settings.forget(home, "max-retries")


def test_the_source_of_each_value():
    home = Home("/h")

    rows = settings.in_force(home, {"max_retries": 1}, {"QUEUECTL_BACKOFF_BASE": "3"})

    found = {row.key: (row.value, row.source) for row in rows}
    assert found["max-retries"] == (1, "file")
    assert found["backoff-base"] == (3.0, "QUEUECTL_BACKOFF_BASE")
    assert found["db-path"] == ("/h/queue.db", "default")
