from __future__ import annotations

import os
import subprocess

import pytest


@pytest.fixture
def frozen_env(tmp_path):
    """Return an environment in which `queuectl` is the frozen executable and the home is empty."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "queuectl").symlink_to(os.environ["QUEUECTL_BINARY"])
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(home)}


@pytest.fixture
def sh(frozen_env, tmp_path):
    """Run a line of a page in a shell, as a reader would; return what came of it."""

    def sh(line):
        return subprocess.run(
            ["/bin/sh", "-c", line],
            env=frozen_env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return sh
