"""Looking through the frozen executable: live views on a terminal, figures, scripts of jobs."""

from __future__ import annotations

import signal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.test_examples import examples, is_live
from tests.cli.test_usage import words_of
from tests.terminal import Terminal

pytestmark = pytest.mark.binary

LIVE = [line for verb, line in examples(that_stay=True) if is_live(verb, line)]


@pytest.fixture
def live(sandbox):
    """Start a verb of the sandbox's queue on a terminal of its own."""
    return lambda *argv: Terminal([sandbox.executable, *argv], sandbox.env)


def test_top_shows_the_queue_until_q(sandbox, live):
    sandbox.enqueue("true", "--queue", "thumbs")
    terminal = live("top")
    terminal.until("thumbs")

    terminal.press("?")
    terminal.until("sort the running jobs")
    terminal.press("xq")

    assert terminal.close() == 0


@pytest.mark.parametrize("line", LIVE)
def test_an_example_of_a_live_view_works(sandbox, live, line):
    sandbox.enqueue("true", "--queue", "thumbs", "--id", "seen")
    terminal = live(*words_of(line)[1:])
    terminal.until("thumbs")

    terminal.press("q")

    assert terminal.close() == 0


def test_watch_gives_the_terminal_back_when_it_is_told_to_end(sandbox, live):
    sandbox.enqueue("echo 1")
    terminal = live("list", "--watch")
    terminal.until("echo 1")

    terminal.process.send_signal(signal.SIGTERM)

    assert terminal.close() == 0


def test_live_views_are_refused_in_a_pipe(sandbox):
    sandbox.refused(64, "top")
    sandbox.refused(64, "list", "--watch")


def test_figures_for_prometheus(sandbox):
    sandbox.enqueue("true", "--queue", "thumbs")

    families = text_string_to_metric_families(sandbox.ok("metrics", "--prometheus").out)

    assert "queuectl_jobs" in {family.name for family in families}


def test_why_and_the_script_of_a_job(sandbox):
    sandbox.enqueue("printf '%s' \"$GREETING\"", "--id", "j", "--env", "GREETING=it's me")

    assert sandbox.ok("why", "j").out == "j: is due, but no worker runs\n"
    assert sandbox.shell('"$QUEUECTL" show --shell j | sh').out == "it's me"


def test_looking_creates_nothing(sandbox):
    done = sandbox.ok("status")

    assert done.lines[1] == "Pending:    0"
    assert done.err == f"queuectl: no queue yet at {sandbox.home}/queue.db\n"
    assert not sandbox.home.exists()
