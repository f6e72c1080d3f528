from __future__ import annotations

from tests.binary.conftest import executable, sandbox

__all__ = ["executable", "sandbox"]
