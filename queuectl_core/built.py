"""What the build knows and nothing can tell later. build.spec puts another module in this place."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGES: Mapping[str, str] = {}
"""The packages inside the executable, each with its version; empty where it runs from sources."""
