"""The live views on a pseudo-terminal: what they send, how they end, that all is put back."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from queuectl_core.cli import screen
from tests.terminal import Terminal

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMAND = [sys.executable, "-E", "-s", os.path.join(ROOT, "queuectl.py")]


def live(*argv):
    return Terminal([*COMMAND, *argv], os.environ)


@pytest.fixture
def queue(run):
    run("enqueue", "--id", "first-job", "true")


def test_watch_shows_the_list_and_ends_with_q(queue, run):
    terminal = live("list", "--watch")
    terminal.until("first-job")

    run("enqueue", "--id", "second-job", "true")
    terminal.until("second-job")
    terminal.press("q")

    assert terminal.close() == 0
    assert terminal.seen.startswith("\x1b[?1049h\x1b[?25l")
    assert terminal.seen.endswith("\x1b[?25h\x1b[?1049l")


def test_ctrl_c_and_a_polite_kill_end_it_well(queue):
    terminal = live("top")
    terminal.until("WAIT")
    terminal.press("\x03")
    assert terminal.close() == 0

    terminal = live("top")
    terminal.until("WAIT")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.close() == 0


def test_top_follows_the_size_of_the_terminal(queue):
    terminal = live("top", "--interval", "1h")
    terminal.until("a second:" if "a second:" in terminal.seen else "rates:")
    terminal.forget()

    terminal.resize(40, 10)
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.until("\x1b[2J")
    terminal.until("wait 1 run 0 done 0 retry 0 dead 0 off 0")
    terminal.press("q")

    assert terminal.close() == 0


def test_nothing_is_sent_where_nothing_changed(queue):
    terminal = live("top", "--interval", "1h")
    terminal.until("q end")
    terminal.forget()

    terminal.press("x?")
    terminal.until("any other key")

    assert "\x1b[2J" not in terminal.seen
    assert "pending 1" not in terminal.seen  # the head stays as it is
    terminal.press("xq")
    assert terminal.close() == 0


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("q", ["q"]),
        ("\x1b[A\x1b[Bj", ["up", "down", "j"]),
        ("\x1bOA\x1b[5~\x1b[6~", ["up", "page up", "page down"]),
        ("\r\n\x7f", ["enter", "enter", "backspace"]),
        ("\x1b", ["escape"]),
        ("\x1b[1;5C\x1b[<0;1;1Mx", ["x"]),
        ("日\x03", ["日", "\x03"]),
        ("", []),
    ],
)
def test_keys_are_named(sent, keys):
    assert list(screen.named(sent)) == keys
