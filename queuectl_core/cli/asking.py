"""The one question that a command asks: whether to destroy what was selected."""

from __future__ import annotations

import sys

from queuectl_core.cli import output
from queuectl_core.errors import UsageError, WrongState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.cli.parse import Args

_YES = frozenset({"y", "yes"})


def confirm(args: Args, what: str) -> None:
    """Ask for "cancel 12 jobs", unless --yes says it; UsageError where nobody can be asked.

    Raises WrongState when the answer is no.
    """
    if args.flag("--yes"):
        return
    if args.flag("--no-input") or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"to {what} needs --yes where nobody is asked", hint="--dry-run tells what is selected"
        )
    output.prompt(f"{what[0].upper()}{what[1:]}? [y/N] ")
    if sys.stdin.readline().strip().lower() not in _YES:
        raise WrongState("nothing was changed")
