from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl_core.cli import output
from queuectl_core.cli.output import Output
from queuectl_core.cli.table import Table

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"


@given(st.text())
def test_a_clean_text_moves_no_cursor(text):
    cleaned = output.clean(text)

    assert not any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in cleaned)
    assert not set(cleaned) & set(BIDI)


@given(st.text(st.characters(exclude_categories=("C", "Z"))))
def test_a_harmless_text_stays_what_it_is(text):
    assert output.clean(text) == output.clean_log(text) == text


def test_controls_become_visible():
    assert output.clean("a\tb\nc\r\x1b\x7f\x9b\u202e") == "a\\tb\\nc\\r\\x1b\\x7f\\x9b\\u202e"
    assert output.clean_log("a\tb\n\x1b[2J\r") == "a\tb\n\\x1b[2J\\r"


def test_spaces_and_letters_of_all_the_world_stay():
    assert output.clean("naïve  日本 שלום 👍\u00a0") == "naïve  日本 שלום 👍\u00a0"


@pytest.fixture
def out(capsys):
    return lambda: capsys.readouterr().out


def test_json_on_a_terminal_is_the_same_value_without_controls(terminal, out):
    record = {"command": "\x1b[31m\x9b\u202e é 日"}

    Output().record(record)

    text = out()
    assert json.loads(text) == record
    assert "\x9b" not in text
    assert "é 日" in text


def test_a_table_aligns_and_fills_empty_cells(out):
    table = Table(Output(), "ID", "STATE", "COMMAND")

    table.rows([["1", "pending", "a b"], ["long-name", "", ""]])
    table.rows([["2", "dead", "x"]])

    assert out().splitlines() == [
        "ID         STATE    COMMAND",
        "1          pending  a b",
        "long-name  -        -",
        "2          dead     x",
    ]


def test_states_are_coloured_on_a_terminal_that_wants_it(terminal, out, monkeypatch):
    Table(Output(), "STATE", "X").rows([["dead", "y"]])
    assert "\x1b[31mdead \x1b[0m  y" in out()

    Table(Output(colour=False), "STATE", "X").rows([["dead", "y"]])
    assert "\x1b" not in out()

    monkeypatch.setenv("NO_COLOR", "1")
    Table(Output(), "STATE", "X").rows([["dead", "y"]])
    assert "\x1b" not in out()

    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    Table(Output(), "STATE", "X").rows([["dead", "y"]])
    assert "\x1b" not in out()


def test_no_colour_goes_into_a_pipe(out):
    Table(Output(), "STATE", "X").rows([["dead", "y"]])

    assert "\x1b" not in out()


def test_a_lone_surrogate_can_be_written(out):
    Output().line("\udcff\ud800")

    assert out() == "\\udcff\\ud800\n"
