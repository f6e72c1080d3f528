"""Errors in the words of the command line: --retries where a check of jobs says max_retries."""

from __future__ import annotations

from queuectl_core.errors import BadData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.cli.parse import Args

OTHER_NAMES = {
    "max_retries": ("--retries",),
    "run_at": ("--at", "--in"),
    "expires_at": ("--expires",),
    "when": ("--when",),
}
"""Fields whose options are not called like them."""


def as_typed(error: BadData, args: Args) -> BadData:
    """Return the error with the option in the place of the field that it begins with.

    The same error where that field did not come from an option.
    """
    text = str(error)
    field = text.partition(" ")[0].rstrip(":")
    usual = (f"--{field.replace('_', '-')}",)
    for option in OTHER_NAMES.get(field, usual):
        if args.has(option):
            return BadData(option + text.removeprefix(field), hint=error.hint)
    return error
