"""What a long-lived process of the frozen executable must do so that its bundle stays whole.

The bundle lies unpacked in a temporary directory, and the rest of the code in the executable's
file. Either may be gone when a later import looks for it: cleaned up by systemd-tmpfiles, replaced
by an upgrade (docs/operations.md).
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import sys

from queuectl_core import bundles

_PR_SET_PDEATHSIG = 1
log = logging.getLogger(__name__)


def is_frozen() -> bool:
    """Tell whether we run from the frozen executable."""
    return bool(getattr(sys, "frozen", False))


def parent() -> int:
    """Return the pid of the process that we live for: our loader; from source, who started us.

    Known from the bundle's name, for the loader may have died before we could ask the kernel. For
    the process that the loader started, not for one that it forked.
    """
    bundle = getattr(sys, "_MEIPASS", None)
    loader = None if bundle is None else bundles.loader_of(bundle)
    return os.getppid() if loader is None else loader


def end_with_loader() -> None:
    """Get SIGTERM when our loader dies, which is what a caller sees of us; at once where it has.

    It costs 3 ms: for commands that stay. The loader has one thread, so that its death is not
    taken for that of a thread (prctl(2), PR_SET_PDEATHSIG).
    """
    if not is_frozen():
        return
    import ctypes  # noqa: PLC0415 - few commands stay

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent():
        os.kill(os.getpid(), signal.SIGTERM)


def preload() -> None:
    """Import what we and Python itself import late, at a bad moment.

    In here and not above: only a process that stays needs them, this module is imported by others.
    """
    import difflib  # noqa: PLC0415 - a mistyped setting
    import encodings.ascii  # noqa: PLC0415 - odd locales
    import encodings.idna  # noqa: PLC0415 - host names
    import json  # noqa: PLC0415 - jobs with argv or env, settings
    import linecache  # noqa: PLC0415 - a traceback's lines
    import locale  # noqa: PLC0415 - odd locales
    import resource  # noqa: PLC0415 - os.wait4 imports it by itself
    import shlex  # noqa: PLC0415 - the event of a hook
    import traceback  # noqa: PLC0415 - an error in a thread

    from queuectl_core import flow, hook, options  # noqa: PLC0415 - the event of a hook
    from queuectl_core.storage.sqlite import (  # noqa: PLC0415 - what few queues have
        admission,
        holder,
        hooks,
        limits,
        many,
        mutexes,
        schedules,
        waiting,
    )

    loaded = (
        admission,
        difflib,
        encodings.ascii,
        encodings.idna,
        flow,
        holder,
        hook,
        hooks,
        json,
        limits,
        linecache,
        locale,
        many,
        mutexes,
        options,
        resource,
        schedules,
        shlex,
        traceback,
        waiting,
    )
    traceback.format_exception_only(ImportError(len(loaded)))


def hold_bundle() -> None:
    """Lock our bundle directory for as long as we live, and remove those beside it that leaked.

    systemd-tmpfiles passes over locked ones (tmpfiles.d(5)).
    """
    bundle = getattr(sys, "_MEIPASS", None)
    if bundle is not None:
        fd = os.open(bundle, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(fd, fcntl.LOCK_SH)
        sweep(os.path.dirname(bundle))


def sweep(directory: str) -> None:
    """Remove the bundles in a directory whose loader was killed; what can't be removed stays."""
    gone = [path for path in bundles.leaked(directory) if bundles.remove(path)]
    if gone:
        log.info("%d unpacked executables removed that a kill -9 left behind", len(gone))
