"""Every scenario of scripts/chaos once, in its quick size, against the frozen executable.

The seed is new each time and stands in the failure: `scripts/chaos SCENARIO --seed N` repeats it.
QUEUECTL_CHAOS_SEED gives one.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.binary

ROOT = Path(__file__).resolve().parents[2]
SEED = os.environ.get("QUEUECTL_CHAOS_SEED") or str(random.SystemRandom().randrange(1_000_000))
SCENARIOS = [
    "kill", "enqueue", "remains", "poison", "bystander", "race", "stop", "damage", "output",
    "limits", "scarce", "torn", "flat", "clock", "making", "settings", "newer",
    "upgrade", "mutex", "hooks", "queue-limits", "ticks",
]  # fmt: skip


@pytest.fixture
def chaos(tmp_path):
    """Return a call that runs one scenario and returns its exit code and what it printed."""
    if not os.access(os.environ.get("QUEUECTL_BINARY", ""), os.X_OK):
        pytest.fail("QUEUECTL_BINARY must name the frozen executable", pytrace=False)

    def run(scenario):
        line = [sys.executable, str(ROOT / "scripts" / "chaos_run.py"), scenario, "--seed", SEED]
        env = os.environ | {"TMPDIR": str(tmp_path)}
        done = subprocess.run(
            line, capture_output=True, text=True, env=env, timeout=110, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_promises_hold_under_faults(chaos, scenario, capsys):
    code, told = chaos(scenario)

    with capsys.disabled():
        sys.stderr.write(f"\n  {told.strip()} ")
    assert code == 0, f"seed {SEED}\n{told}"


def test_the_list_here_is_the_list_of_the_script(chaos):
    code, told = chaos("no-such")

    assert code == 2
    assert "no such scenario: no-such" in told
    help_line = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "chaos_run.py"), "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert ", ".join(SCENARIOS) in " ".join(help_line.split())
