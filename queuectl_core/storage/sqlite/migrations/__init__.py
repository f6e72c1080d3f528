"""The numbered scripts that make the schema of a queue file, in their order."""

from __future__ import annotations

from queuectl_core.storage.migrate import Migration
from queuectl_core.storage.sqlite.migrations import (
    m0001_initial,
    m0002_access,
    m0003_hooks,
    m0004_limits,
    m0005_schedules,
)

MIGRATIONS = (
    Migration(1, "initial", m0001_initial.SCRIPT),
    Migration(2, "access", m0002_access.SCRIPT),
    Migration(3, "hooks", m0003_hooks.SCRIPT),
    Migration(4, "limits", m0004_limits.SCRIPT),
    Migration(5, "schedules", m0005_schedules.SCRIPT),
)
