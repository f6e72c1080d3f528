"""The README's commands work in the order printed, from the frozen executable in an empty home."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- run.*?-->\n```console\n(.*?)```", README, flags=re.DOTALL)

pytestmark = pytest.mark.binary


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which `queuectl` is the frozen executable and the home is empty."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "queuectl").symlink_to(os.environ["QUEUECTL_BINARY"])
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(home)}


def test_the_quick_start_runs_as_printed(shell: dict[str, str], tmp_path: Path) -> None:
    commands = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]
    printed: dict[str, str] = {}

    for command in commands:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=shell,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        assert "Traceback" not in done.stderr
        printed[command] = done.stdout

    assert len(BLOCKS) == 3
    assert printed["queuectl logs urgent"] == "first\n"
    assert "=== Queue Status ===" in printed["queuectl status"]
    assert (
        "no-such-file" in printed["queuectl dlq list"] or "broken" in printed["queuectl dlq list"]
    )
