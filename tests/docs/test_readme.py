"""The README's commands work in the order printed, from the frozen executable in an empty home."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- run.*?-->\n```console\n(.*?)```", README, flags=re.DOTALL)

pytestmark = pytest.mark.binary


def test_the_quick_start_runs_as_printed(sh):
    commands = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]
    printed: dict[str, str] = {}

    for command in commands:
        done = sh(command)
        assert done.returncode == 0, (command, done.stderr)
        assert "Traceback" not in done.stderr
        printed[command] = done.stdout

    assert len(BLOCKS) == 3
    assert printed["queuectl logs urgent"] == "first\n"
    assert "=== Queue Status ===" in printed["queuectl status"]
    assert (
        "no-such-file" in printed["queuectl dlq list"] or "broken" in printed["queuectl dlq list"]
    )
