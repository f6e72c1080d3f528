from __future__ import annotations

import pytest

from queuectl_core import __version__
from queuectl_core.cli import output, stats
from queuectl_core.errors import QueuectlError, StorageError

ERRORS = [QueuectlError, *QueuectlError.__subclasses__(), *StorageError.__subclasses__()]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ((), "no verb is given"),
        (("lst",), "did you mean list?"),
        (("worker", "strat"), "did you mean worker start?"),
        (("worker", "--count"), '"queuectl worker" needs a verb'),
        (("--jsn", "list"), "did you mean --json?"),
        (("--home",), "--home needs a value"),
        (("list", "extra"), "does not take: extra"),
        (("show",), "lacks its arguments"),
        (("list", "--limit"), "--limit needs a value"),
        (("list", "--limit", "x"), '--limit must be a whole number from 0 to 1000000000, not "x"'),
        (("list", "--json=1"), "--json takes no value"),
        (("\udcff",), "there is no verb"),
        (("help", "\udcff"), "there is no verb or topic"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_a_hint(run, argv, told):
    done = run(*argv)

    assert (done.code, done.out) == (64, "")
    assert told in done.err
    assert [line.partition(":")[0] for line in done.err.splitlines()] == ["queuectl", "hint"]


def test_version(run):
    assert run("version") == (0, f"queuectl {__version__}\n", "")
    assert run("--version").out == run("-V").out == f"queuectl {__version__}\n"


def test_home_and_db_come_from_options_too(run, tmp_path):
    other = tmp_path / "other"

    run("enqueue", "--home", str(other), "true")
    run("--home", str(other), "enqueue", "true")
    run("enqueue", "--db", "own.db", "true")

    assert len(run("list", "--home", str(other), "--json").records) == 2
    assert len(run("--db", str(tmp_path / "work/own.db"), "list", "--json").records) == 1
    assert run("list", "--json").records == []


def test_a_server_is_no_queue_of_this_version(run):
    done = run("list", "--db", "postgresql://host/queue")

    assert done.code == 64
    assert "postgresql://" in done.err


def test_a_home_that_others_can_write_is_refused(run, home):
    home.mkdir()
    home.chmod(0o777)

    assert run("list").code == 77


def test_a_home_that_is_a_file_is_refused(run, home):
    home.write_text("")

    assert run("enqueue", "true").code in {74, 77}


def test_a_file_that_is_no_queue_is_refused(run, home):
    home.mkdir(mode=0o700)
    (home / "queue.db").write_text("not a database, but long enough to have a header" * 9)
    (home / "queue.db").chmod(0o600)

    done = run("list")

    assert done.code == 74
    assert "queue.db" in done.err


def test_a_bug_is_told_with_how_to_report_it(run, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("by \x1bzero")

    monkeypatch.setattr(stats.stats, "status", fail)

    done = run("status")

    assert (done.code, done.out) == (70, "")
    assert "unexpected ZeroDivisionError: by \\x1bzero" in done.err
    assert "QUEUECTL_DEBUG=1" in done.err
    assert "Traceback" not in done.err


def test_too_little_memory_is_no_bug(run, store, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(stats.stats, "status", fail)

    done = run("status")

    assert done.code == 75
    assert done.err.startswith("queuectl: there is too little memory\nhint: ")


def test_debug_shows_the_traceback(run, store, monkeypatch):
    monkeypatch.setenv("QUEUECTL_DEBUG", "1")

    done = run("show", "nope")

    assert done.code == 4
    assert "Traceback" in done.err
    assert done.err.endswith("hint: queuectl list shows them\n")


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_comes_out_with_its_exit_code(run, store, monkeypatch, error):
    def fail(*_, **__):
        raise error("what happened", hint="what to do")

    monkeypatch.setattr(stats.stats, "status", fail)

    done = run("status")

    assert done.code == error.exit_code
    assert done.err == "queuectl: what happened\nhint: what to do\n"


def test_ctrl_c_is_quiet(run, store, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(stats.stats, "status", interrupt)

    assert run("status") == (130, "", "")


def test_a_reader_that_goes_away_is_no_error(run, store, monkeypatch):
    def broken(_):
        raise BrokenPipeError

    monkeypatch.setattr(output, "write_bytes", broken)
    monkeypatch.setattr(output, "abandon", lambda: None)

    assert run("status") == (0, "", "")


def test_a_queue_file_that_has_no_utf8_name_is_refused(run):
    done = run("list", "--db", "\udcff.db")

    assert done.code == 78
    assert "not valid UTF-8" in done.err
