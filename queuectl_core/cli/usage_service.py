"""Usage texts of the verbs on the systemd service."""

from __future__ import annotations

SERVICE_PRINT = """\
Print the systemd unit that runs a worker. It goes where `service install` would write it.

Usage:
  queuectl service print [options]

Options:
  --user         for the service manager of your session, not of the system
  --count N      run N jobs at the same time (default: 1)
  --name NAME    name of the unit and its directories (default: queuectl)

Examples:
  queuectl service print
  queuectl service print --user --count 4
"""

SERVICE_INSTALL = """\
Write the systemd unit that runs a worker, and tell the commands to type next.

The system's service runs as the user queuectl, its home is /var/lib/queuectl. A unit that somebody
else wrote or changed is not replaced without --force.

Usage:
  queuectl service install [options]

Options:
  --user         for the service manager of your session, not of the system
  --count N      run N jobs at the same time (default: 1)
  --name NAME    name of the unit and its directories (default: queuectl)
  --force        replace a unit that was changed by hand
  --dry-run      write nothing, only tell

Examples:
  queuectl service install --count 4 --dry-run
  queuectl service install --user --count 4
"""

SERVICE_UNINSTALL = """\
Remove the systemd unit that `service install` wrote; the queue stays. Disable it before.

Usage:
  queuectl service uninstall [options]

Options:
  --user         the one of your session, not of the system
  --name NAME    name of the unit (default: queuectl)
  --force        remove it although it was changed by hand
  --dry-run      remove nothing, only tell

Examples:
  queuectl service uninstall --dry-run
  queuectl service uninstall --user
"""

TEXTS = {
    "service print": SERVICE_PRINT,
    "service install": SERVICE_INSTALL,
    "service uninstall": SERVICE_UNINSTALL,
}
