"""Who asks, as the queue notes it."""

from __future__ import annotations

import os
from pwd import getpwuid


def caller() -> str:
    """Return who asks: the user, behind sudo the one who called it; the number of one unnamed."""
    user = os.environ.get("SUDO_USER")
    if user:
        return user
    try:
        return getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
