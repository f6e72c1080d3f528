"""The commands of docs/flow.md work in the order printed, from the frozen executable."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "flow.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- run.*?-->\n```console\n(.*?)```", PAGE, flags=re.DOTALL)

pytestmark = pytest.mark.binary


def test_the_guide_runs_as_printed(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "queuectl").symlink_to(os.environ["QUEUECTL_BINARY"])
    env = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    printed: dict[str, str] = {}

    for command in [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        printed.setdefault(command, done.stdout)
        last = done.stdout

    listed = subprocess.run(
        [tmp_path / "bin" / "queuectl", "list", "--json"], env=env, capture_output=True, check=True
    )
    jobs = {job["id"]: job for job in map(json.loads, listed.stdout.splitlines())}
    assert len(BLOCKS) == 5
    assert (jobs["report"]["state"], jobs["alarm"]["state"]) == ("completed", "cancelled")
    assert jobs["alarm"]["reason"] == "dependency"
    assert sum(job["unique"] == "sync-mail" for job in jobs.values()) == 1
    assert jobs["night"]["state"] == "pending"
    assert "completed" in last
