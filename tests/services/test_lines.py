from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl_core.errors import BadData
from queuectl_core.services import intake
from queuectl_core.services.intake import Defaults
from queuectl_core.services.lines import Reader
from tests.builders import NOW_MS

DEFAULTS = Defaults(max_retries=4, now_ms=NOW_MS, cwd="/here")

GOOD = [
    '{"command":"echo a"}',
    '{"command":"rsync host:/a b","priority":9}',
    '{"command":"echo {}","queue":"mail","id":"a:b"}',
    '{"command":"ä","max_retries":0,"cwd":"/srv"}',
    '{"argv":["a","b"]}',
    '{"command":"x","env":{"A":"1"},"timeout":"10m","tags":["t"]}',
    '{"command":"x","priority":null,"queue":null,"id":null}',
    '{"id":"17","number":17,"command":"x"}',
    '{"command":"x"}\r',
    ' {"command":"x"} ',
    '{ "command" : "x" , "priority" : 1 }',
    '{"command":"x","run_at":"2030-01-01T00:00:00Z"}',
    '{"command":"x","mutex":"db","hold":true}',
    '{"command":"x","after":["a"],"unique":"k","expires_at":"5m"}',
]
BAD = [
    "{}",
    '{"priority":5}',
    '{"command":null}',
    '{"command":1}',
    '{"command":""}',
    '{"command":"x","priority":11}',
    '{"command":"x","priority":true}',
    '{"command":"x","queue":"a b"}',
    '{"command":"x","id":1}',
    '{"command":"x","cwd":"here"}',
    '{"command":"a","command":"b"}',
    '{"command" :"a","command":"b"}',
    '{"command":"x","priority":1,"priority":2}',
    '{"command":"x","prio":1}',
    '{"command":"x"}{"command":"y"}',
    '{"command":"x"},',
    '{"command":"x",}',
    '{"command":"a\tb"}',
    '{"command":"\\u0000"}',
    '{"command":"\\ud800"}',
    '{"command":NaN}',
    '{"command"',
]


@pytest.mark.parametrize("text", GOOD)
@pytest.mark.parametrize(
    "overrides", [{}, {"queue": "q"}, {"priority": 2, "cwd": "/x"}, {"mutex": "m"}]
)
def test_a_line_is_read_as_an_object_on_the_command_line_is(text, overrides):
    (fields,) = intake.read_objects(text)
    wanted = intake.new_job({**fields, **overrides}, DEFAULTS)

    assert Reader(overrides, DEFAULTS).job(text.encode()) == wanted
    assert type(Reader(overrides, DEFAULTS).job(text.encode())) is type(wanted)


@pytest.mark.parametrize("text", BAD)
def test_a_wrong_line_is_refused_with_the_same_words(text):
    with pytest.raises(BadData) as caught:
        Reader({}, DEFAULTS).job(text.encode())

    if text.startswith("{"):
        with pytest.raises(BadData) as wanted:
            intake.new_job(intake.read_objects(text)[0], DEFAULTS)
        assert (str(caught.value), caught.value.hint) == (str(wanted.value), wanted.value.hint)


def test_a_wrong_value_that_an_option_overrides_does_not_matter():
    line = b'{"command":"x","queue":"a b"}'

    assert Reader({"queue": "q"}, DEFAULTS).job(line).queue == "q"


def test_a_shell_line_is_a_command():
    assert Reader({}, DEFAULTS).job(b"echo {}\r").command == "echo {}"
    with pytest.raises(BadData, match="not valid UTF-8 at byte 2"):
        Reader({}, DEFAULTS).job(b"a\xff")


def test_the_lines_of_one_stream_do_not_touch_each_other():
    reader = Reader({}, DEFAULTS)
    first = reader.job(json.dumps({"command": "x", "priority": 9}).encode())

    assert reader.job(b'{"command":"y"}').priority == 5
    assert first.priority == 9


TRICKY = [
    '{"command":[{}',
    "{}]}",
    '{"command":"a',
    'b"}',
    '{"command":"a"},{"command":"b"}',
    "",
    " ",
]
TRICKY += ["# a", "a,", "a", "\u00a0", "a\0b", '{"command":"b"}', '{"command":"c","priority":3}']


@given(st.lists(st.sampled_from(GOOD + BAD + TRICKY), min_size=1, max_size=4))
def test_many_lines_at_once_are_what_each_is_alone(texts):
    lines = [text.encode() for text in texts]
    reader = Reader({}, DEFAULTS)

    jobs = reader.jobs(lines)

    assert jobs is None or jobs == [reader.job(line) for line in lines]


@pytest.mark.parametrize("line", [b'{"command":"echo a:b","priority":3}', b"echo a,"])
def test_plain_lines_are_read_at_once(line):
    reader = Reader({}, DEFAULTS)

    assert reader.jobs([line] * 3) == [reader.job(line)] * 3


def test_a_key_that_comes_twice_is_found_among_many_lines():
    lines = [b'{"command":"a"}', b'{"command":"a","command":"b"}', b'{"command":"c"}']

    assert Reader({}, DEFAULTS).jobs(lines) is None


@pytest.mark.parametrize(
    "lines",
    [
        [b'{"command":"a"},{"command":"b"}'],
        [b'{"command":"a"},{"command":"b"}', b'{"command":"c"},{"command":"d"}'],
        [b'{"command":"a"', b'"priority":3}'],
        [b'{"command":"a"},{"command":"b"}', b'{"command":"c"', b'"priority":3}'],
    ],
)
def test_lines_that_only_together_are_json_are_not_taken_for_jobs(lines):
    assert Reader({}, DEFAULTS).jobs(lines) is None
