from __future__ import annotations

import base64

import pytest

from queuectl_core import option_checks, options
from queuectl_core.errors import BadData
from queuectl_core.option_checks import MAX_INPUT_BYTES, from_fields, matches, parse_jitter
from queuectl_core.options import JobOptions, from_json, to_fields, to_json
from queuectl_core.run import Ending, Outcome
from queuectl_core.services import intake
from tests.builders import failure, success

EVERY = {
    "jitter": "20%",
    "retry_on": "75,SIGKILL",
    "no_retry_on": "64-78",
    "ok_codes": "0,3,timeout",
    "kill_after": 1.5,
    "verify": "test -s out",
    "nice": 10,
    "allow_background": True,
    "input": "ä\n",
}


def test_every_option_survives_the_queue_and_the_record():
    given = from_fields(EVERY)

    assert given is not None
    assert from_json(to_json(given)) == given
    assert to_fields(given) == EVERY
    assert given.stdin() == "ä\n".encode()


def test_the_intake_knows_every_option_and_each_has_its_check():
    names = {name.removesuffix("_ms") for name in JobOptions._fields}

    assert set(intake.OPTION_FIELDS) == names == set(option_checks._CHECKS)


def test_a_job_that_asks_for_nothing_has_no_options():
    assert from_fields({"command": "true", "nice": None}) is None
    assert from_fields({"allow_background": False}) is None


def test_what_a_newer_version_added_is_left_out():
    assert options.from_json('{"nice":3,"colour":"red"}') == JobOptions(nice=3)


def test_input_that_is_no_text_comes_back_byte_for_byte():
    data = bytes(range(256))

    given = from_fields({"input_base64": base64.b64encode(data).decode()})

    assert given is not None
    assert given.stdin() == data


@pytest.mark.parametrize(
    ("codes", "kept"),
    [
        (3, "3"),
        ("0, 3,10-19", "0,3,10-19"),
        ([0, 3, "10-19"], "0,3,10-19"),
        ("SIGKILL,timeout,verify", "SIGKILL,timeout,verify"),
    ],
)
def test_codes_are_a_number_a_text_or_a_list(codes, kept):
    given = from_fields({"retry_on": codes})

    assert given is not None
    assert given.retry_on == kept


@pytest.mark.parametrize(
    ("codes", "outcome", "expected"),
    [
        ("3,10-19", failure(exit_code=3), True),
        ("3,10-19", failure(exit_code=15), True),
        ("3,10-19", failure(exit_code=20), False),
        ("SIGKILL", Outcome(Ending.SIGNAL, signal=9), True),
        ("137", Outcome(Ending.SIGNAL, signal=9), True),
        ("SIGKILL", failure(exit_code=137), True),
        ("SIGTERM", Outcome(Ending.SIGNAL, signal=9), False),
        ("timeout", Outcome(Ending.TIMEOUT, exit_code=3), True),
        ("3", Outcome(Ending.TIMEOUT, exit_code=3), False),
        ("3,verify", Outcome(Ending.VERIFY, exit_code=1), True),
        ("1", Outcome(Ending.VERIFY, exit_code=1), False),
        ("0-255", Outcome(Ending.CANCELLED, signal=15), False),
        ("0", success(), True),
    ],
)
def test_a_list_of_codes_names_the_way_a_run_ended(codes, outcome, expected):
    assert matches(codes, outcome) is expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"retry_on": "x"}, 'retry_on has "x", which is no code'),
        ({"retry_on": ""}, 'retry_on has "", which is no code'),
        ({"retry_on": "SIGNOT"}, 'retry_on has "SIGNOT", which is no code'),
        ({"retry_on": "19-10"}, 'retry_on has "19-10"; codes go from 0 to 255'),
        ({"retry_on": 256}, 'retry_on has "256"; codes go from 0 to 255'),
        ({"retry_on": {}}, "retry_on must be exit codes, not {}"),
        ({"retry_on": True}, "retry_on must be exit codes, not True"),
        ({"ok_codes": "verify"}, "ok_codes can't take verify"),
        ({"jitter": "200%"}, 'jitter: "200%" is no share'),
        ({"jitter": []}, "jitter must be a span or a share, not []"),
        ({"kill_after": "soon"}, "kill_after: not a duration: 'soon'"),
        ({"kill_after": None, "nice": 20}, "nice must be a whole number from -20 to 19, not 20"),
        ({"nice": "5"}, 'nice must be a whole number from -20 to 19, not "5"'),
        ({"verify": " "}, 'verify must be a shell line, not " "'),
        ({"allow_background": "yes"}, 'allow_background must be true or false, not "yes"'),
        ({"input": 5}, "input must be text, not 5"),
        ({"input_base64": "a"}, 'input_base64 must be base64, not "a"'),
        ({"input": "a", "input_base64": "YQ=="}, "input and input_base64 do not go together"),
    ],
)
def test_a_wrong_option_is_refused_with_its_value(fields, message):
    with pytest.raises(BadData) as caught:
        from_fields(fields)

    assert str(caught.value).startswith(message)


def test_input_above_the_limit_is_refused_with_the_figures():
    with pytest.raises(BadData, match="1,048,577 bytes; the queue keeps up to 1,048,576") as caught:
        from_fields({"input": "x" * (MAX_INPUT_BYTES + 1)})

    assert "CMD < FILE" in caught.value.hint
    assert from_fields({"input": "x" * MAX_INPUT_BYTES}) is not None


def test_jitter_is_a_share_or_a_span():
    assert parse_jitter("20%") == (0.2, 0)
    assert parse_jitter("30s") == (0.0, 30_000)
    assert parse_jitter("5") == (0.0, 5_000)
