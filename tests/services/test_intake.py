from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl_core.errors import BadData
from queuectl_core.services import intake
from queuectl_core.services.intake import Defaults, new_job, read_objects
from tests.builders import NOW_MS

DEFAULTS = Defaults(max_retries=3, now_ms=NOW_MS, cwd="/here")
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_the_least_job_takes_all_defaults():
    job = new_job({"command": "true"}, DEFAULTS)

    assert job._asdict() == {
        "command": "true",
        "argv": None,
        "max_retries": 3,
        "id": None,
        "queue": "default",
        "priority": 5,
        "run_at_ms": None,
        "timeout_ms": None,
        "backoff": None,
        "cwd": "/here",
        "env": None,
        "on_crash": "retry",
        "options": None,
        "tags": (),
        "flow": None,
    }


def test_null_counts_as_not_given():
    fields = dict.fromkeys(intake.INPUT_FIELDS) | {"command": "true"}

    assert new_job(fields, DEFAULTS) == new_job({"command": "true"}, DEFAULTS)


def test_what_only_the_queue_sets_is_ignored():
    fields = dict.fromkeys(intake.QUEUE_FIELDS, "x") | {"command": "true"}

    assert new_job(fields, DEFAULTS) == new_job({"command": "true"}, DEFAULTS)


def test_argv_wins_over_command():
    job = new_job({"command": "ls -l", "argv": ["ls", "-l"]}, DEFAULTS)

    assert (job.command, job.argv) == (None, ("ls", "-l"))


def test_the_number_of_a_record_is_no_text_id():
    assert new_job({"id": "17", "number": 17, "command": "x"}, DEFAULTS).id is None
    assert new_job({"id": "17", "number": 18, "command": "x"}, DEFAULTS).id == "17"
    assert new_job({"id": "17", "command": "x"}, DEFAULTS).id == "17"


@pytest.mark.parametrize(
    ("timeout", "timeout_ms"),
    [(0, 0), (90, 90_000), (1.5, 1500), (0.0001, 1), ("10m", 600_000), ("90", 90_000)],
)
def test_a_timeout_is_seconds_or_a_span(timeout, timeout_ms):
    assert new_job({"command": "x", "timeout": timeout}, DEFAULTS).timeout_ms == timeout_ms


def test_a_naive_time_is_utc_where_the_setting_says_so():
    fields = {"command": "x", "run_at": "2024-01-01T00:00:00"}

    job = new_job(fields, DEFAULTS._replace(naive="utc"))

    assert job.run_at_ms == 1_704_067_200_000


@given(VALUES)
def test_json_reads_as_the_library_reads_it(value):
    text = json.dumps([{"command": value}])

    assert read_objects(text) == read_objects(f" {text}\n") == json.loads(text)


def refused(read, value):
    """Return what `read` makes of the value, None when it is refused with a reason."""
    try:
        return read(value)
    except BadData as error:
        return None if str(error) else pytest.fail("no reason")


@given(st.text() | st.text('{}[]":,a1 \\'))
def test_any_text_is_read_or_refused(text):
    for item in refused(read_objects, text) or ():
        assert isinstance(item, dict)


@given(st.dictionaries(st.sampled_from(intake.INPUT_FIELDS), VALUES))
def test_any_fields_make_a_job_or_are_refused(fields):
    job = refused(lambda given: new_job(given, DEFAULTS), fields)

    assert job is None or (job.command is None) != (job.argv is None)


def test_the_place_of_an_error_is_marked():
    with pytest.raises(BadData) as caught:
        read_objects('{"command":\n  "a"\n  "id": 1}')

    assert "line 3, column 3 (character 21): Expecting ',' delimiter" in str(caught.value)
    assert caught.value.hint.startswith('here, between > and <:    >< "id": 1}')


@pytest.mark.parametrize("word", ["{}", "{a", ' {"a":1}', "[]", "[1]", "[{", "[ {"])
def test_words_that_are_json(word):
    assert intake.is_json(word)


@pytest.mark.parametrize("word", ["{", "[", "[[", "[ -f x ]", "[[ -f x ]]", "echo {}", "", " "])
def test_words_that_are_no_json(word):
    assert not intake.is_json(word)


def test_one_wrong_job_spoils_them_all():
    with pytest.raises(BadData, match="command is empty"):
        intake.new_jobs([{"command": "a"}, {"command": ""}], DEFAULTS)
