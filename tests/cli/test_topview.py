"""What top shows and how keys change it, without a terminal."""

from __future__ import annotations

import os

import pytest

from queuectl_core.cli import topview, widths
from queuectl_core.cli.output import Output
from queuectl_core.cli.topview import Line, View, pressed
from queuectl_core.lifecycle import STATES, State
from queuectl_core.services.overview import Overview, QueueRow
from queuectl_core.services.workers import Health
from queuectl_core.storage.records import WorkerRow
from tests import builders
from tests.builders import NOW_MS, new_worker

BODY = [Line("RUNNING"), Line("a", 1), Line("b", 2), Line("")]


def counts(**jobs):
    return dict.fromkeys(STATES.values(), 0) | {STATES[name]: n for name, n in jobs.items()}


def overview(running=()):
    worker = WorkerRow(
        id=1,
        **new_worker(threads=4)._asdict(),
        started_at_ms=NOW_MS - 60_000,
        seen_at_ms=NOW_MS,
        stopping=False,
        alive=True,
        running=running,
    )
    return Overview(
        now_ms=NOW_MS,
        counts=counts(pending=12_345, processing=len(running), dead=2),
        rates={"added": 1.5, "started": 2, "completed": 1.25, "failed": 0},
        queues=[
            QueueRow("default", counts(pending=5, processing=len(running)), 4_000),
            QueueRow("mail", counts(dead=2), None),
        ],
        crew=[Health(worker, "ok", 60_000, 0)],
        running=list(running),
    )


RUNNING = [
    builders.job(number=1, id="nightly", command="pg_dump", started_at_ms=NOW_MS - 5_000),
    builders.job(number=2, command="日本語" * 50, queue="mail", started_at_ms=NOW_MS - 90_000),
]


@pytest.fixture
def shown(terminal, monkeypatch):
    """Return the lines of a screen of that size."""

    def shown(view, found, size=(80, 24)):
        monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size(size))
        out = Output(colour=False)
        parts = topview.parts(out, view, found, size)
        room = max(1, size[1] - len(parts.head) - 1)
        view = topview.scrolled(view, len(parts.body), room)
        return topview.frame(out, view, size, parts)

    return shown


def test_a_screen_has_states_rates_jobs_queues_and_workers(shown):
    lines = shown(View(), overview(RUNNING))

    text = "\n".join(map(topview.unstyled, lines))
    assert "pending 12,345  running 2  completed 0  failed 0  dead 2  cancelled 0" in text
    assert "added 1.5  started 2  completed 1.25  failed 0; oldest due 4s" in text
    assert "busy 2/4, 1 worker" in text
    assert [line.split()[0] for line in lines[5:7]] == ["2", "nightly"]
    assert "1m30s" in lines[5]
    assert any(line.startswith("mail     0     0    2     -") for line in lines)
    assert any(line.startswith("1       ok     2/4   1m") for line in lines)


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (200, 60), (20, 5), (8, 3)])
def test_every_screen_is_exactly_as_large_as_the_terminal(shown, size):
    found = overview(RUNNING * 30)
    for view in (View(), View(cursor=3), View(cursor=10**6), View(typing=True, filter="x" * 300)):
        lines = shown(view, found, size)

        assert len(lines) <= size[1]
        assert all(widths.width(topview.unstyled(line)) <= size[0] for line in lines)


def test_the_cursor_is_always_on_the_screen(shown):
    found = overview(RUNNING * 30)

    for cursor in (0, 1, 30, 62, 500):
        lines = shown(View(cursor=cursor), found, (80, 12))

        assert sum("\x1b[7m" in line for line in lines) == 1


def test_a_filter_leaves_out_what_has_not_that_text(shown):
    lines = shown(View(filter="NIGHT"), overview(RUNNING))

    text = "\n".join(lines)
    assert "pg_dump" in text
    assert "日本" not in text
    assert "only: NIGHT" in lines[-1]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("elapsed", ["2", "nightly"]),
        ("id", ["2", "nightly"]),
        ("queue", ["nightly", "2"]),
        ("worker", ["nightly", "2"]),
    ],
)
def test_running_jobs_are_sorted(shown, sort, order):
    lines = shown(View(sort=sort), overview(RUNNING))

    assert [line.replace("\x1b[7m", "").split()[0] for line in lines[5:7]] == order


def test_an_empty_queue_is_told(shown):
    nothing = Overview(NOW_MS, counts(), {}, [], [], [])

    lines = shown(View(), nothing)

    assert "rates: in a moment" in lines[2]
    assert any("nothing runs" in line for line in lines)


def test_keys_that_end():
    for key in ("q", "\x03", "\x04"):
        assert pressed(View(), key, BODY).ended
    assert pressed(View(typing=True), "\x03", BODY).ended
    assert pressed(View(page="help"), "\x03", BODY).ended


def test_keys_that_move_stay_within_the_body():
    view = View()
    for key, cursor in (("j", 1), ("down", 2), ("k", 1), ("G", 3), ("j", 3), ("page up", 0)):
        view = pressed(view, key, BODY)
        assert view.cursor == cursor


def test_enter_opens_the_job_under_the_cursor_and_any_key_closes_it():
    opened = pressed(View(cursor=2), "enter", BODY)

    assert opened.page == "2"
    assert pressed(opened, "j", BODY).page_top == 1
    assert pressed(opened, "q", BODY) == View(cursor=2)
    assert pressed(View(cursor=0), "enter", BODY) == View()
    assert pressed(View(cursor=9), "enter", []) == View(cursor=9)


def test_a_filter_is_typed_letter_by_letter():
    view = View()
    for key in ("/", "m", "q", "backspace", "日", "up", "enter"):
        view = pressed(view, key, BODY)

    assert view == View(filter="m日")
    assert pressed(view, "escape", BODY) == View()
    assert pressed(View(typing=True, filter="x"), "escape", BODY) == View()


def test_sort_goes_round_and_pause_goes_on():
    view = View()
    for sort in ("id", "queue", "worker", "elapsed"):
        view = pressed(view, "s", BODY)
        assert view.sort == sort
    assert pressed(view, "p", BODY).paused
    assert not pressed(pressed(view, " ", BODY), "p", BODY).paused
    assert pressed(view, "?", BODY).page == "help"
    assert pressed(view, "x", BODY) == view


def test_counts_get_short_names_where_the_usual_ones_do_not_fit(shown):
    lines = shown(View(), overview(RUNNING), (46, 10))

    assert topview.unstyled(lines[1]) == "wait 12,345 run 2 done 0 retry 0 dead 2 off 0"
    assert State.PROCESSING not in lines[1]
