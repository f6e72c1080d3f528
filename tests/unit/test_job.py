from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl_core.errors import BadData
from queuectl_core.job import (
    HIGHEST_PRIORITY,
    LOWEST_PRIORITY,
    MAX_ARGV_BYTES,
    MAX_ID_LENGTH,
    MAX_RETRIES,
    MAX_TIMEOUT_MS,
    MAX_WORD_BYTES,
    check_argv,
    check_command,
    check_cwd,
    check_env,
    check_id,
    check_priority,
    check_queue,
    check_retries,
    check_timeout_ms,
    shown,
)
from queuectl_core.run import ENDINGS
from tests.builders import job, new_job

NO_TEXT = [None, 17, 1.5, True, b"bytes", ["list"], {"a": 1}]
LONE_SURROGATE = "a\udc80b"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("check", [check_id, check_queue])
@pytest.mark.parametrize(
    "name", ["a", "0", "mail:1", "A.b_c-d:9", "-", "...", "x" * MAX_ID_LENGTH, "17"]
)
def test_a_name_may_have_letters_digits_and_a_few_signs(check, name):
    assert check(name) == name


@pytest.mark.parametrize("check", [check_id, check_queue])
@pytest.mark.parametrize(
    "name",
    [
        "", " ", "a b", "a/b", "../x", "a\n", "a\0", "ä", "\u0661", "a,b", "#1", "a;b", "a%",
        LONE_SURROGATE, "\u202eabc", "x" * (MAX_ID_LENGTH + 1), "x" * 1_000_000,
    ],
)  # fmt: skip
def test_a_name_with_anything_else_is_refused_with_what_may_be(check, name):
    with pytest.raises(BadData, match="is not a name") as caught:
        check(name)

    assert "A-Z" in caught.value.hint
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("check", [check_id, check_queue, check_command])
@pytest.mark.parametrize("value", NO_TEXT)
def test_what_is_no_text_is_refused(check, value):
    with pytest.raises(BadData, match="must be text"):
        check(value)


@pytest.mark.parametrize("value", range(LOWEST_PRIORITY, HIGHEST_PRIORITY + 1))
def test_a_priority_is_from_1_to_10(value):
    assert check_priority(value) == value


@pytest.mark.parametrize("value", [0, 11, -1, 2**70, True, 5.0, "5", None, math.nan])
def test_a_priority_that_is_none_is_refused(value):
    with pytest.raises(BadData, match="from 1 to 10") as caught:
        check_priority(value)

    assert "10 runs first" in caught.value.hint


@pytest.mark.parametrize("value", [0, 1, MAX_RETRIES])
def test_retries_are_from_0_to_1000(value):
    assert check_retries(value) == value


@pytest.mark.parametrize("value", [-1, MAX_RETRIES + 1, 2**70, False, 3.0, "3", None])
def test_retries_that_are_none_are_refused(value):
    with pytest.raises(BadData, match="from 0 to 1000"):
        check_retries(value)


@pytest.mark.parametrize("value", [0, 1, MAX_TIMEOUT_MS])
def test_a_timeout_is_up_to_a_year(value):
    assert check_timeout_ms(value) == value


@pytest.mark.parametrize("value", [-1, MAX_TIMEOUT_MS + 1, 2**70])
def test_a_timeout_outside_a_year_is_refused(value):
    with pytest.raises(BadData, match="from 0 to a year"):
        check_timeout_ms(value)


@pytest.mark.parametrize(
    "line", ["true", " echo hi ", "echo 'ä'\necho 2", "\ttrue", "x" * MAX_WORD_BYTES, "€" * 43_690]
)
def test_a_command_that_the_kernel_takes_is_kept_as_it_is(line):
    assert check_command(line) == line


@pytest.mark.parametrize("line", ["", " ", "\n\t "])
def test_an_empty_command_is_refused(line):
    with pytest.raises(BadData, match="empty"):
        check_command(line)


@pytest.mark.parametrize("line", ["x" * (MAX_WORD_BYTES + 1), "€" * 43_691])
def test_a_command_that_the_kernel_refuses_is_refused_with_the_limit(line):
    with pytest.raises(BadData, match="131,071") as caught:
        check_command(line)

    assert "file" in caught.value.hint


def test_a_nul_is_refused_with_its_place():
    with pytest.raises(BadData, match="NUL at position 4"):
        check_command("abc\0def")


def test_text_that_is_no_utf8_is_refused_with_its_place():
    with pytest.raises(BadData, match="UTF-8 at position 2"):
        check_command(LONE_SURROGATE)


@pytest.mark.parametrize("words", [["true"], ("printf", "", "ä b"), ["x"] * 1_000])
def test_argv_becomes_a_tuple_of_words(words):
    assert check_argv(words) == tuple(words)


@pytest.mark.parametrize("value", [[], (), "true", None, 17, {"a": 1}, {"true"}])
def test_argv_that_is_no_list_of_words_is_refused(value):
    with pytest.raises(BadData, match="list of words"):
        check_argv(value)


@pytest.mark.parametrize("words", [["a", 1], ["a", None], ["a", ["b"]], [b"a"]])
def test_argv_with_a_word_that_is_no_text_is_refused(words):
    with pytest.raises(BadData, match="must be text"):
        check_argv(words)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["", "a"], "empty word"),
        (["a", "b\0"], "NUL"),
        (["a", LONE_SURROGATE], "UTF-8"),
        (["a", "x" * (MAX_WORD_BYTES + 1)], "131,071"),
        (["x" * 100_000] * 11, "1,048,576"),
    ],
)
def test_argv_that_no_program_could_get_is_refused(words, reason):
    with pytest.raises(BadData, match=reason):
        check_argv(words)


def test_argv_up_to_the_limit_is_taken():
    words = ["x" * 131_071] * 8

    assert sum(len(word) + 1 for word in words) == MAX_ARGV_BYTES
    assert check_argv(words) == tuple(words)


@pytest.mark.parametrize("value", ["/", "/srv/app", "/ä ö"])
def test_a_directory_is_an_absolute_path(value):
    assert check_cwd(value) == value


@pytest.mark.parametrize("value", ["", ".", "srv", "~", *NO_TEXT])
def test_a_directory_that_is_none_is_refused(value):
    with pytest.raises(BadData, match="absolute path"):
        check_cwd(value)


@pytest.mark.parametrize("value", ["/a\0b", "/" + LONE_SURROGATE, "/" + "x" * MAX_WORD_BYTES])
def test_a_directory_that_no_call_could_take_is_refused(value):
    with pytest.raises(BadData, match="cwd"):
        check_cwd(value)


@pytest.mark.parametrize("value", [{}, {"A": ""}, {"PATH": "/bin", "lower": "ä=b"}])
def test_an_environment_is_names_and_texts(value):
    assert check_env(value) == value


@pytest.mark.parametrize("value", [None, [], "A=b", 17, [("A", "b")]])
def test_an_environment_that_is_no_object_is_refused(value):
    with pytest.raises(BadData, match="object"):
        check_env(value)


@pytest.mark.parametrize(
    "value",
    [
        {"": "x"}, {"A=B": "x"}, {"A": 1}, {"A": None}, {"A\0": "x"}, {"A": "x\0"},
        {LONE_SURROGATE: "x"}, {"A": LONE_SURROGATE}, {"A": "x" * (MAX_WORD_BYTES + 1)},
        {1: "x"}, {None: "x"},
    ],
)  # fmt: skip
def test_an_environment_that_no_program_could_get_is_refused(value):
    with pytest.raises(BadData, match="env"):
        check_env(value)


@pytest.mark.parametrize(
    "check",
    [
        check_id, check_queue, check_priority, check_retries, check_command, check_argv, check_cwd,
        check_env,
    ],
)  # fmt: skip
@given(value=anything)
def test_any_value_is_taken_or_bad_data_and_nothing_else(check, value):
    try:
        taken = check(value)
    except BadData as error:
        assert str(error)  # noqa: PT017 - whether it raises is not the point
    else:
        assert taken in (value, tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        (17, "17"),
        (None, "None"),
        ("x" * 60, f'"{"x" * 60}"'),
        ("x" * 61, f'"{"x" * 60}..."'),
        (["x" * 100], "['" + "x" * 58 + "..."),
    ],
)
def test_a_value_is_shown_quoted_and_short(value, text):
    assert shown(value) == text


def test_a_job_is_called_by_its_id_or_else_by_its_number():
    assert job(number=17, id="a").name == "a"
    assert job(number=17, id=None).name == "17"


def test_a_new_job_waits_for_nothing_unless_told():
    assert new_job()._asdict() == {
        "command": "true", "argv": None, "max_retries": 3, "id": None, "queue": "default",
        "priority": 5, "run_at_ms": None, "timeout_ms": None, "backoff": None, "cwd": None,
        "env": None, "on_crash": "retry", "options": None, "tags": (), "flow": None,
    }  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS.values())
def test_an_ending_prints_as_its_word(ending):
    assert f"{ending}" == ending
