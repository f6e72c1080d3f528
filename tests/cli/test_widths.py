"""Columns of a terminal, against the Unicode data that the table was made from."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl_core.cli import widths

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "queuectl_core/cli/width_table.py"
MADE_FROM = TABLE.read_text(encoding="utf-8").partition("Unicode ")[2].partition("\n")[0].strip(".")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("plain", 5),
        ("naïve", 5),
        ("日本語", 6),
        ("\uff46\uff55", 4),
        ("한글", 4),
        ("\u1112\u1161\u11ab", 2),
        ("e\u0301", 1),
        ("שלום", 4),
        ("👍", 2),
        ("❤\ufe0f", 2),
        ("a\u200bb", 2),
    ],
)
def test_the_columns_of_a_text(text, columns):
    assert widths.width(text) == columns


def test_the_table_agrees_with_unicode_for_each_assigned_character():
    wrong = [
        hex(code)
        for code in range(0x300, 0x30000)
        if unicodedata.east_asian_width(chr(code)) in {"W", "F"}
        and unicodedata.category(chr(code)) not in {"Cn", "Mn", "Me", "Cf"}
        and widths.width(chr(code)) != 2
    ]

    assert unicodedata.unidata_version != MADE_FROM or wrong == []


@pytest.mark.skipif(
    unicodedata.unidata_version != MADE_FROM, reason=f"the table is of Unicode {MADE_FROM}"
)
def test_the_table_is_what_its_script_makes():
    before = TABLE.read_text(encoding="utf-8")

    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "widths"), "--print"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )

    assert done.stdout == before


@given(st.text(st.characters(exclude_categories=("C",))), st.integers(0, 30))
def test_what_is_cut_fits_and_is_the_beginning(text, columns):
    cut = widths.cut(text, columns)

    assert widths.width(cut) <= columns
    assert text.startswith(cut.removesuffix(widths.ELLIPSIS))
    assert cut == text or widths.width(text) > columns


def test_what_fits_is_not_cut():
    assert widths.cut("日本", 4) == "日本"
    assert widths.cut("日本", 3) == "日…"
    assert widths.cut("日本", 2) == "…"


def test_padding_counts_columns():
    assert widths.pad("日本", 6) == "日本  "
