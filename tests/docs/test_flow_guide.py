"""The commands of docs/flow.md work in the order printed, from the frozen executable."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "flow.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- run.*?-->\n```console\n(.*?)```", PAGE, flags=re.DOTALL)

pytestmark = pytest.mark.binary


def test_the_guide_runs_as_printed(sh):
    printed: dict[str, str] = {}

    for command in [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]:
        done = sh(command)
        assert done.returncode == 0, (command, done.stderr)
        printed.setdefault(command, done.stdout)

    listed = sh("queuectl list --json")
    assert listed.returncode == 0
    jobs = {job["id"]: job for job in map(json.loads, listed.stdout.splitlines())}
    assert len(BLOCKS) == 6
    assert (jobs["report"]["state"], jobs["alarm"]["state"]) == ("completed", "cancelled")
    assert jobs["alarm"]["reason"] == "dependency"
    assert sum(job["unique"] == "sync-mail" for job in jobs.values()) == 1
    assert jobs["night"]["state"] == "pending"
    assert "completed" in printed["queuectl show big"]
