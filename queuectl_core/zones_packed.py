"""The rules of all time zones, in one piece: filled by build.spec, for the executable only.

Elsewhere the package tzdata has them. As a module of the archive they cost a start nothing; 600
files beside the interpreter would be unpacked by each.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PLACES: Mapping[str, tuple[int, int]] = {}
"""Where the rules of each zone begin and end."""
RULES = b""
