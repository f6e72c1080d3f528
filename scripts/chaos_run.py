"""The command line of scripts/chaos: chooses scenarios, prints the seed and their figures."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import chaos_abuse
import chaos_change
import chaos_crowds
import chaos_damage
import chaos_flow
import chaos_kills
import chaos_scarce
import chaos_ticks
import chaos_upgrade
from chaos_world import Broken

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CHARS = 1_500
ROOT = Path(__file__).resolve().parent.parent
SCENARIOS: dict[str, Callable[[chaos_kills.Size], str]] = {
    "kill": chaos_kills.kill,
    "enqueue": chaos_kills.enqueue,
    "remains": chaos_kills.remains,
    "poison": chaos_kills.poison,
    "bystander": chaos_kills.bystander,
    "race": chaos_crowds.race,
    "stop": chaos_kills.stop,
    "damage": chaos_damage.damage,
    "output": chaos_abuse.output,
    "limits": chaos_abuse.limits,
    "scarce": chaos_scarce.scarce,
    "torn": chaos_damage.torn,
    "flat": chaos_crowds.flat,
    "clock": chaos_crowds.clock,
    "making": chaos_change.making,
    "settings": chaos_change.settings,
    "newer": chaos_change.newer,
    "upgrade": chaos_upgrade.upgrade,
    "mutex": chaos_flow.mutex,
    "hooks": chaos_flow.hooks,
    "queue-limits": chaos_flow.queue_limits,
    "ticks": chaos_ticks.ticks,
}


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("scenario", nargs="*", help=f"{', '.join(SCENARIOS)}; none: all")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--quick", action="store_true", help="seconds each (default)")
    pace.add_argument("--long", action="store_true", help="minutes each")
    parser.add_argument("--seed", type=int, help="replay the choices of another run")
    parser.add_argument("--jobs", type=int, help="jobs of kill")
    parser.add_argument("--kills", type=int, help="kills of kill and enqueue")
    words = parser.parse_args()
    unknown = set(words.scenario) - SCENARIOS.keys()
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    return words


def _copy_of_binary(folder: str) -> str:
    """Copy the executable: a build meanwhile must not change what is tested."""
    original = os.environ.get("QUEUECTL_BINARY") or str(ROOT / "dist" / "queuectl")
    path = shutil.copy(original, folder)
    os.chmod(path, 0o755)
    return path


def main() -> int:
    words = _words()
    seed = words.seed if words.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}", flush=True)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="queuectl-chaos-binary.") as folder:
        binary = _copy_of_binary(folder)
        for name in words.scenario or SCENARIOS:
            # each scenario has its own choices, so that one alone replays as it was among all
            rng = random.Random(f"{seed} {name}")
            size = chaos_kills.Size(binary, rng, not words.long, words.jobs, words.kills)
            begun_s = time.monotonic()
            try:
                print(f"{name:<8} kept    {SCENARIOS[name](size)}", flush=True)
            except Broken as broken:
                failed += 1
                took_s = time.monotonic() - begun_s
                what = " ".join(str(broken).split())
                if len(what) > MOST_CHARS:  # a worker's log: its end says most
                    what = f"{what[: MOST_CHARS // 2]} ... {what[-MOST_CHARS // 2 :]}"
                print(f"{name:<8} BROKEN  {what} ({took_s:.1f} s, seed {seed})", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
