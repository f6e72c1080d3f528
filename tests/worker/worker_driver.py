"""Be a `worker start`: worker_driver.py HOME THREADS DRAIN."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from queuectl_core import home
from queuectl_core.worker import supervisor
from queuectl_core.worker.plan import Order


def main() -> int:
    """Run a worker in the home."""
    path, threads, drain = sys.argv[1:]
    found = home.Home(path)
    return supervisor.run(
        home=found,
        db_path=os.path.join(path, "queue.db"),
        settings=home.read_settings(found, os.environ),
        order=Order(threads=int(threads), drain=drain == "1"),
        parent=os.getppid(),
    )


if __name__ == "__main__":
    sys.exit(main())
