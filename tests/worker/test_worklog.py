from __future__ import annotations

import logging
import os
import stat
from logging.handlers import MemoryHandler

import pytest

from queuectl_core.worker import worklog


@pytest.fixture
def root(monkeypatch):
    """Return the root logger without handlers; all is put back in the end."""
    early = MemoryHandler(1000, flushLevel=logging.CRITICAL + 1)
    monkeypatch.setattr(worklog, "_EARLY", early)
    monkeypatch.setattr(os, "register_at_fork", lambda **hooks: early.__dict__.update(hooks))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield root
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_what_came_before_the_file_is_known_is_in_the_file(root, tmp_path):
    worklog.start()
    root.warning("early")

    worklog.write_to(str(tmp_path / "logs" / "worker-1.log"))
    root.warning("late")

    text = (tmp_path / "logs" / "worker-1.log").read_text()
    assert [line.split()[-1] for line in text.splitlines()] == ["early", "late"]


def test_a_line_has_the_time_and_the_level(root, tmp_path):
    worklog.start()
    worklog.write_to(str(tmp_path / "log"))

    root.error("it broke")

    assert (tmp_path / "log").read_text().split()[2:] == ["ERROR", "it", "broke"]


def test_the_terminal_gets_the_same(root, capsys):
    worklog.start()

    root.info("hello")

    assert capsys.readouterr().err.endswith(" INFO hello\n")


def test_a_job_can_neither_move_the_cursor_nor_forge_lines(root, tmp_path):
    worklog.start()
    worklog.write_to(str(tmp_path / "log"))

    root.warning("job 1 failed: %s", "\x1b[2J\r\nforged \u202e \udcff gr\u00fcn")

    (line,) = (tmp_path / "log").read_text().splitlines()
    assert line.endswith(r"job 1 failed: \x1b[2J\r\nforged \u202e \udcff grün")


def test_a_traceback_keeps_its_lines(root, tmp_path):
    worklog.start()
    worklog.write_to(str(tmp_path / "log"))

    root.error("a bug", exc_info=ValueError("why"))

    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0].endswith("ERROR a bug")
    assert lines[-1] == "ValueError: why"


def test_only_the_owner_can_read_the_log_also_after_rotation(root, tmp_path, umask):
    umask(0)
    worklog.start()
    worklog.write_to(str(tmp_path / "logs" / "log"))
    (file,) = [handler for handler in root.handlers if hasattr(handler, "doRollover")]
    root.warning("old")

    file.doRollover()
    root.warning("new")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "logs").iterdir()}
    assert modes == {"log": 0o600, "log.1": 0o600}
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700


def test_a_planted_link_is_refused(root, tmp_path):
    (tmp_path / "log").symlink_to(tmp_path / "victim")
    worklog.start()

    with pytest.raises(OSError, match="symbolic links"):
        worklog.write_to(str(tmp_path / "log"))

    assert not (tmp_path / "victim").exists()


def test_a_fork_leaves_what_was_kept_to_the_child(root):
    worklog.start()
    root.warning("for the child's file")

    worklog._EARLY.after_in_parent()

    assert worklog._EARLY.buffer == []


def test_a_full_disk_does_not_stop_the_worker(root, tmp_path, capsys):
    worklog.start()
    worklog.write_to(str(tmp_path / "log"))
    (file,) = [handler for handler in root.handlers if hasattr(handler, "doRollover")]
    os.dup2(os.open("/dev/full", os.O_WRONLY), file.stream.fileno())

    root.warning("lost")

    assert "WARNING lost" in capsys.readouterr().err
    os.dup2(os.open(os.devnull, os.O_WRONLY), file.stream.fileno())


# --- what is tried again and again ---


def test_what_is_tried_again_each_second_is_said_once_a_minute(clock, caplog):
    said = worklog.Said(clock)
    for _ in range(120):
        said.warning("storage: %s", "busy")
        clock.advance(1000)

    assert caplog.messages == ["storage: busy"] * 2


def test_another_word_is_said_at_once(clock, caplog):
    said = worklog.Said(clock)
    for word in ("busy", "full", "busy"):
        said.warning("storage: %s", word)

    assert caplog.messages == ["storage: busy", "storage: full"]
