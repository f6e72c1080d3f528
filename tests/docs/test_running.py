"""The examples of docs/running.md print what the page says, from the frozen executable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "running.md"
BLOCKS = re.findall(r"<!-- run -->\n```console\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)

pytestmark = pytest.mark.binary


def examples(block):
    """Yield each command of a block with the output under it."""
    for part in block.split("$ ")[1:]:
        command, _, printed = part.partition("\n")
        yield command, printed


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_prints_what_the_page_says(block, sh):
    for command, printed in examples(block):
        done = sh(command)

        assert (command, done.stdout, done.stderr) == (command, printed, "")
