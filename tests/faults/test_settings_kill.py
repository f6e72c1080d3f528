"""`config set` from the tree, killed or refused at each call: the old file or the new."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from queuectl_core import home as homes
from queuectl_core.home import Home
from tests.faults import strace

PROGRAM = os.path.join(os.path.dirname(homes.__file__), os.pardir, "queuectl.py")


def config_set(tmp_path, value, prefix=()):
    """Run `config set max-retries VALUE`; return exit code and stderr."""
    done = subprocess.run(
        [*prefix, sys.executable, "-B", PROGRAM, "config", "set", "max-retries", value],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("end", ["signal=SIGKILL", "error=EIO", "error=ENOSPC"])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_config_set_leaves_the_old_settings_or_the_new(tmp_path, call, end):
    home, log = Home(str(tmp_path / ".queuectl")), tmp_path / "strace"

    for count in range(1, 50):
        homes.write_config_file(home, {"max_retries": 1, "job_timeout": 7})
        code, err = config_set(tmp_path, "2", strace.prefix(log, f"{call}:{end}:when={count}"))
        stored = homes.read_config_file(home)
        assert stored in [{"max_retries": n, "job_timeout": 7} for n in (1, 2)]
        assert "Traceback" not in err
        struck = strace.was_killed(log) or any(seen.failed for seen in strace.calls(log))
        if not struck:
            assert (code, stored["max_retries"]) == (0, 2), err
            return
        assert code != 0
    pytest.fail("the last call was never reached")
