from __future__ import annotations

import sys
from pathlib import Path

from tests.binary.conftest import executable, sandbox

__all__ = ["executable", "sandbox"]

# the parts of scripts/bench import each other as scripts do
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
