"""The parts of pages that are functions: colours, search, charts, timelines, words."""

from __future__ import annotations

import pytest

from queuectl_core.lifecycle import State
from queuectl_core.run import Attempt, Ending
from queuectl_core.web import ansi, charts, search, timeline, views_text
from tests.builders import NOW_MS, job

# --- colours ---


@pytest.mark.parametrize(
    ("line", "html"),
    [
        ("plain <b>", "plain &lt;b&gt;"),
        ("\x1b[31mred\x1b[0m off", '<span class="fg1">red</span> off'),
        ("\x1b[1;92mx", '<span class="bold fg10">x</span>'),
        ("\x1b[1m\x1b[22mx", "x"),
        ("\x1b[38;5;9mx", '<span class="fg9">x</span>'),
        ("\x1b[38;2;255;0;0mx", '<span class="fg9">x</span>'),
        ("\x1b[48;5;21mx", '<span class="bg12">x</span>'),
        ("\x1b[38;5;250mx", '<span class="fg7">x</span>'),
        ("\x1b[38:2:0:120:0mx", '<span class="fg2">x</span>'),
        ("\x1b[38;5mx", "x"),
        ("\x1b[38;2;1;2mx", "x"),
        ("\x1b[999999999mx", "x"),
        ("\x1b[41;39;49mx", "x"),
        ("a\x1b[2Jb\x1b[10;10Hc", "abc"),
        ("a\x1b]8;;javascript:1\x07b\x1b]8;;\x1b\\c", "abc"),
        ("a\x1b]0;title never ends", "a"),
        ("\x1bPq\x1b\\x\x1b(B\x1b", "x"),
        ("10%\r50%\r100%\r", "100%"),
        ("bell\x07 \x00\x7f\u202eback", "bell back"),
        ("tab\there", "tab\there"),
    ],
)
def test_a_line_shows_its_colours_and_nothing_else(line, html):
    assert ansi.Painter().html(line) == html


def test_a_style_goes_on_with_the_next_line_and_the_next_part():
    painter = ansi.Painter()
    painter.html("\x1b[1;33mbegins")

    assert painter.style == "bold fg3"
    assert ansi.Painter(painter.style).html("on") == '<span class="bold fg3">on</span>'


@pytest.mark.parametrize("style", ['fg1"><script>', "top", "fg123", "bold  fg1", "x" * 10_000])
def test_a_style_that_is_none_of_ours_counts_for_nothing(style):
    assert ansi.Painter(style).style == ""


# --- search ---


def found(text: str, **fields: object) -> bool:
    """Tell whether the tests of a query let a job pass."""
    return search.parse(text, now_ms=NOW_MS).fits(job(**fields))


def test_what_the_store_can_find_goes_into_the_selection():
    query = search.parse('state:dead,FAILED queue:mail tag:x created:<2h "a b" c', now_ms=NOW_MS)

    assert query.selection.states == (State.DEAD, State.FAILED)
    assert query.selection.queue == "mail"
    assert query.selection.tag == "x"
    assert query.selection.since_ms == NOW_MS - 7_200_000
    assert query.selection.grep == "a b c"
    assert not query.tests
    assert not query.problems


@pytest.mark.parametrize(
    ("text", "fields", "fits"),
    [
        ("prio:>=8", {"priority": 8}, True),
        ("prio:>8", {"priority": 8}, False),
        ("prio:5", {"priority": 5}, True),
        ("exit:1", {"exit_code": 1}, True),
        ("exit:1", {"exit_code": None}, False),
        ("-exit:1", {"exit_code": None}, True),
        ("run:>30s", {"duration_ms": 30_001}, True),
        ("run:30s", {"duration_ms": 29_999}, False),
        ("attempts:<=2", {"attempts": 2}, True),
        ("worker:3", {"worker": 4}, False),
        ('error:"no SUCH"', {"error": "No such host"}, True),
        ("id:port", {"id": "report-1"}, True),
        ("-rsync", {"command": "RSYNC a b"}, False),
        ("-queue:default", {}, False),
        ("-tag:x", {"tags": ("x",)}, False),
        ("-state:dead", {"state": State.DEAD}, False),
        ("-created:<1h", {"created_at_ms": NOW_MS - 60_000}, False),
        ("queue:a queue:b", {"queue": "a"}, False),
    ],
)
def test_the_rest_is_tested(text, fields, fits):
    assert found(text, **fields) == fits


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("colour:red", 'there is no qualifier "colour:"'),
        ("state:ded", "did you mean dead?"),
        ("prio:high", "not a whole number"),
        ("run:>", "not a duration"),
        ("queue:a/b", "is not a name"),
        ("x" * 501, "too long"),
    ],
)
def test_what_makes_no_sense_is_said(text, problem):
    assert problem in " ".join(search.parse(text, now_ms=NOW_MS).problems)


def test_a_url_is_no_qualifier():
    query = search.parse("https://example.org/x", now_ms=NOW_MS)

    assert query.selection.grep == "https://example.org/x"


# --- charts ---


@pytest.mark.parametrize(
    ("value", "top"), [(0, 2), (1, 2), (3, 4), (21, 24), (99, 100), (101, 120), (36_800, 40_000)]
)
def test_an_axis_ends_at_a_round_number(value, top):
    assert charts.nice(value) == top


def test_a_line_breaks_where_nothing_is_known():
    line = charts.Line("p50", "l1", [1, None, 2])
    chart = charts.Chart("k", "T", "s", [0, 1, 2], 1, (line,), stacked=False, show=str)

    path = chart.svg.rpartition('class="line l1" d="')[2]
    assert path.count("M") == 3  # two pieces, and the axis


def test_bars_stand_on_each_other_and_a_small_one_can_be_seen():
    lines = (charts.Line("bad", "dead", [1]), charts.Line("good", "completed", [1_000]))
    chart = charts.Chart("k", "T", "s", [0], 1, lines, stacked=True, show=str)

    assert chart.top == 1_200
    assert "v1.5h" in chart.svg
    assert "url(#hatch-k)" in chart.svg


def test_a_chart_of_zeros_is_empty():
    line = charts.Line("good", "completed", [0, 0])

    assert charts.Chart("k", "T", "s", [0, 1], 1, (line,), stacked=True, show=str).empty
    assert charts.sparkline([]) == ""


# --- timelines ---


def attempt(start: int, **fields: object) -> Attempt:
    """Return a finished start that failed a second after it began."""
    usual = dict.fromkeys(Attempt._fields) | {
        "job": 1, "start": start, "worker": 1, "started_at_ms": NOW_MS + start * 10_000,
        "finished_at_ms": NOW_MS + start * 10_000 + 1_000, "ending": Ending.EXIT, "exit_code": 1,
        "duration_ms": 1_000, "output_bytes": 0,
    }  # fmt: skip
    return Attempt(**(usual | fields))


def test_a_timeline_tells_waits_ends_and_what_is_to_come():
    waiting = job(state=State.FAILED, attempts=2, starts=2, run_at_ms=NOW_MS + 60_000)

    steps = timeline.steps(waiting, [attempt(1), attempt(2, ending=Ending.TIMEOUT, exit_code=None)])

    assert [(step.kind, step.note) for step in steps] == [
        ("enqueued", ""),
        ("dead", "exit 1, worker 1"),
        ("dead", "timed out, worker 1"),
        ("failed", "attempt 3 of 3"),
    ]
    assert [step.gap_ms for step in steps] == [None, 10_000, 9_000, None]


@pytest.mark.parametrize(
    ("fields", "note"),
    [({}, "running on worker 1"), ({"cancel_requested": True}, "being stopped")],
)
def test_a_timeline_ends_with_the_run_that_goes_on(fields, note):
    assert timeline.steps(job(**fields), [])[-1].note == note


# --- words ---


@pytest.mark.parametrize(
    ("span_ms", "text"),
    [(0, "0 ms"), (850, "850 ms"), (4_390, "4.3 s"), (125_000, "2 m 05 s"),
     (12_000_000, "3 h 20 m"), (367_200_000, "4 d 6 h"), (None, "\N{EN DASH}")],
)  # fmt: skip
def test_a_span_is_written_for_people(span_ms, text):
    assert views_text.span(span_ms) == text


@pytest.mark.parametrize(
    ("ahead_ms", "kind", "text"),
    [(-180_000, "ago", "3 m ago"), (40_000, "ago", "in 40 s"), (0, "ago", "now"),
     (-4_390, "since", "4.3 s"), (5, "since", "0 ms")],
)  # fmt: skip
def test_a_moment_is_told_from_now(ahead_ms, kind, text):
    assert views_text.relative(ahead_ms, kind) == text


def test_a_command_is_shown_by_its_first_line():
    assert views_text.short("one\ntwo") == "one…"
    assert views_text.short("x" * 300) == "x" * 200 + "…"
    assert views_text.short(None) == ""
