"""The files of the dashboard inside the frozen executable: build.spec puts them here.

As a module and not as files beside it: those would be unpacked at every start of every command.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FILES: Mapping[str, bytes] = {}
"""Contents by path under web/, as in static/app.css; empty where the files lie beside."""
