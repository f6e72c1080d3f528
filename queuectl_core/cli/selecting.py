"""The options of usage_selection.py made into a Selection."""

from __future__ import annotations

from queuectl_core.services import selections
from queuectl_core.services.selections import Words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Session
    from queuectl_core.selection import Selection

_OPTIONS = {name: f"--{name.replace('_', '-')}" for name in Words._fields}


def selection(session: Session, args: Args) -> Selection:
    """Return what the options of a verb select; an option that the verb lacks asks for nothing."""
    given = {name: args.option(option) for name, option in _OPTIONS.items()}
    defaults = session.defaults(cwd=None)
    return selections.parse(Words(**given), now_ms=defaults.now_ms, naive=defaults.naive)
