from __future__ import annotations

import json

import pytest

from queuectl_core import config


@pytest.fixture
def file(home):
    home.mkdir(mode=0o700, exist_ok=True)
    return home / "config.json"


def test_get_lists_all_settings_as_key_and_value(run, home):
    lines = run("config", "get").lines

    assert [line.partition(" = ")[0] for line in lines] == [row.key for row in config.TABLE]
    assert lines[:2] == ["max-retries = 3", "backoff-base = 2.0"]
    assert "job-timeout = 300" in lines
    assert "worker-poll-interval = 1.0" in lines
    assert f"db-path = {home}/queue.db" in lines


def test_get_of_one_prints_its_value_alone(run):
    assert run("config", "get", "max-retries") == (0, "3\n", "")
    assert run("config", "get", "max_retries").out == "3\n"


def test_set_writes_the_file_and_get_reads_it(run, file):
    assert run("config", "set", "max-retries", "5") == (0, "max-retries = 5\n", "")
    run("config", "set", "backoff-base", "3.0")
    run("config", "set", "job_timeout", "600")

    assert json.loads(file.read_text()) == {
        "max_retries": 5,
        "backoff_base": 3.0,
        "job_timeout": 600,
    }
    assert '"job_timeout": 600,' in file.read_text()
    assert [run("config", "get", key).out for key in ("max-retries", "backoff-base")] == [
        "5\n",
        "3.0\n",
    ]
    assert file.stat().st_mode & 0o777 == 0o600


def test_get_json_tells_where_a_value_comes_from(run, monkeypatch):
    run("config", "set", "max-retries", "5")
    monkeypatch.setenv("QUEUECTL_JOB_TIMEOUT", "7")

    sources = {row["key"]: row["source"] for row in run("config", "get", "--json").records}

    assert sources["max-retries"] == "file"
    assert sources["job-timeout"] == "QUEUECTL_JOB_TIMEOUT"
    assert sources["backoff-base"] == "default"


def test_the_environment_beats_the_file_and_set_says_so(run, monkeypatch):
    monkeypatch.setenv("QUEUECTL_MAX_RETRIES", "7")

    done = run("config", "set", "max-retries", "5")

    assert done.code == 0
    assert "QUEUECTL_MAX_RETRIES still beats it" in done.err
    assert run("config", "get", "max-retries").out == "7\n"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max-retries", "-1"),
        ("max-retries", "many"),
        ("max-retries", "2.5"),
        ("max-retries", "1001"),
        ("backoff-base", "-5"),
        ("backoff-base", "nan"),
        ("job-timeout", "-1"),
        ("worker-poll-interval", "0"),
        ("naive-time", "moon"),
    ],
)
def test_a_wrong_value_is_refused_and_nothing_is_written(run, file, key, value):
    done = run("config", "set", key, value)

    assert done.code == 78
    assert key in done.err
    assert value in done.err
    assert not file.exists()


def test_an_unknown_key_gets_the_nearest(run):
    assert "did you mean max-retries?" in run("config", "set", "max-retrys", "1").err
    assert run("config", "get", "max-retrys").code == 78
    assert run("config", "unset", "max-retrys").code == 78


BROKEN = ["{", '{"max_retries": }', "[]", '{"max_retries": -1}', '{"nonsense": 1}', "\xff\xfe"]
VERBS = [
    ("enqueue", "true"),
    ("enqueue", '{"command":"true"}'),
    ("list",),
    ("status",),
    ("metrics",),
    ("show", "1"),
    ("worker", "health"),
    ("worker", "start"),
    ("dlq", "list"),
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_stops_every_verb_with_78(run, file, text):
    file.write_bytes(text.encode("latin-1"))

    for argv in VERBS:
        done = run(*argv)

        assert done.code == 78
        assert str(file) in done.err or "nonsense" in done.err
    assert not (file.parent / "queue.db").exists()


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_stops_neither_config_nor_help(run, file, text):
    file.write_bytes(text.encode("latin-1"))

    shown = run("config", "get", "max-retries")

    assert (shown.code, shown.out) == (78, "3\n")
    assert str(file) in shown.err or "nonsense" in shown.err
    assert run("version").code == run("help").code == run("config", "path").code == 0


def test_set_leaves_a_file_alone_that_it_does_not_understand(run, file):
    file.write_text("{ half written")

    done = run("config", "set", "max-retries", "5")

    assert done.code == 78
    assert "line 1" in done.err
    assert file.read_text() == "{ half written"


def test_set_repairs_a_wrong_value_beside_others(run, file):
    file.write_text('{"max-retries": -1, "nonsense": 1, "job_timeout": 7}')

    assert run("config", "set", "max-retries", "5").code == 0
    assert run("config", "get").code == 78
    assert run("config", "unset", "nonsense").code == 0

    assert json.loads(file.read_text()) == {"max_retries": 5, "job_timeout": 7}
    assert run("config", "get", "max-retries") == (0, "5\n", "")


def test_unset_gives_the_default_back(run):
    run("config", "set", "max-retries", "5")

    assert run("config", "unset", "max-retries").code == 0
    assert run("config", "get", "max-retries").out == "3\n"
    assert "is not in" in run("config", "unset", "max-retries").err


def test_path_names_the_file(run, file):
    assert run("config", "path") == (0, f"{file}\n", "")
    assert run("config", "path", "--json").records == [{"path": str(file)}]


def test_db_path_moves_the_queue(run, tmp_path):
    place = tmp_path / "elsewhere"
    place.mkdir(mode=0o700)
    run("config", "set", "db-path", str(place / "q.db"))
    run("enqueue", "true")

    assert (place / "q.db").exists()
    assert run("config", "get", "db-path").out == f"{place}/q.db\n"


def test_set_and_unset_answer_as_asked(run):
    row = {"key": "max-retries", "value": 5, "source": "file"}

    assert run("config", "set", "max-retries", "5", "--json").records == [row]
    assert run("config", "unset", "max-retries", "--json").code == 0
    assert run("config", "set", "max-retries", "5", "-q").out == ""
    assert run("config", "unset", "max-retries", "-q").out == ""


@pytest.mark.parametrize(
    ("key", "span", "value"),
    [("job-timeout", "10m", 600), ("kill-grace", "1.5s", 1.5), ("keep-output-days", "2w", 14)],
)
def test_a_span_is_taken_for_seconds_and_days(run, monkeypatch, key, span, value):
    assert run("config", "set", key, span, "--json").records[0]["value"] == value
    assert run("config", "get", key).out == f"{value}\n"

    monkeypatch.setenv("QUEUECTL_KILL_GRACE", "2m")
    assert run("config", "get", "kill-grace").out == "120\n"


def test_a_span_is_no_number_of_something_else(run):
    for key, text in (("max-retries", "10m"), ("backoff-base", "2s"), ("job-timeout", "soon")):
        done = run("config", "set", key, text)
        assert done.code == 78
        assert text in done.err
