from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl_core.cli import widths
from queuectl_core.cli.output import Output
from queuectl_core.cli.table import Table, fitted


@pytest.fixture
def out(capsys):
    return lambda: capsys.readouterr().out


@pytest.fixture
def wide(terminal, monkeypatch):
    """Make the terminal so many columns wide."""

    def wide(columns):
        monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))

    return wide


@given(
    st.lists(st.integers(1, 200), min_size=2, max_size=9),
    st.sets(st.integers(0, 7)),
    st.integers(1, 300),
)
def test_columns_fit_wherever_there_is_room_for_one_letter_each(natural, spare, room):
    spare = sorted(index for index in spare if index < len(natural) - 1)

    layout = fitted(natural, spare, room=room)

    shown = [width for width in layout if width]
    needed = len(shown) + 2 * (len(shown) - 1)
    assert sum(shown) + 2 * (len(shown) - 1) <= max(room, needed)
    assert all(width <= usual for width, usual in zip(layout, natural, strict=True))
    assert layout[-1]


def test_what_fits_is_left_alone():
    assert fitted([4, 10, 30], [1], room=48) == [4, 10, 30]


def test_the_last_column_gives_way_then_long_ones_then_the_spare_ones():
    assert fitted([4, 10, 30], [1], room=38) == [4, 10, 20]
    assert fitted([40, 10, 30], [1], room=60) == [26, 10, 20]
    assert fitted([40, 10, 30], [1], room=40) == [18, 0, 20]


def test_no_row_is_wider_than_the_screen(wide, out):
    wide(30)
    table = Table(Output(colour=False), "ID", "STATE", "WHEN", "COMMAND", spare=("WHEN",))

    table.rows([["a" * 128, "pending", "3m ago", "日本語" * 30], ["2", "dead", "now", "x"]])

    lines = out().splitlines()
    assert [widths.width(line) <= 30 for line in lines] == [True] * 3
    assert "WHEN" not in lines[0]
    assert lines[1].endswith("…")


def test_wide_letters_keep_the_columns_aligned(out):
    Table(Output(), "ID", "COMMAND").rows([["日本", "a"], ["e\u0301", "b"]])

    assert out().splitlines() == ["ID    COMMAND", "日本  a", "e\u0301     b"]


def test_a_pipe_gets_everything(out):
    Table(Output(), "ID", "COMMAND", spare=("ID",)).rows([["a" * 128, "b" * 500]])

    assert out().splitlines()[1] == "a" * 128 + "  " + "b" * 500


def test_a_terminal_that_says_nothing_of_its_size_has_80_columns(terminal, out, monkeypatch):
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((0, 0)))

    Table(Output(colour=False), "ID", "COMMAND").rows([["1", "b" * 500]])

    assert len(out().splitlines()[1]) == 80
