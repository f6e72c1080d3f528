"""Usage texts of export, import and the verbs on the queue file. docopt parses them."""

from __future__ import annotations

from queuectl_core.cli.usage_selection import MOMENTS, OPTIONS

EXPORT = f"""\
Print jobs with their states, one JSON object a line, the oldest first, as `import` takes them.

Usage:
  queuectl export [options]

Options:
  --history            with the attempts of each job
{OPTIONS}
{MOMENTS}

Examples:
  queuectl export --tag import-42
  queuectl export --history --state completed,dead --older-than 30d
"""

IMPORT = """\
Add the jobs of an export, with their states, attempts and times; `-` reads stdin.

They get new numbers; a job that ran waits again, and one that waits for others needs them in the
same file. Output of jobs does not come along.

Usage:
  queuectl import [options] <file>

Options:
  --on-conflict WHAT    when an id or a unique key exists: error, skip (exit 0), replace
  --dry-run             read and check all lines, and add nothing

Examples:
  queuectl import jobs.ndjson
  queuectl import --on-conflict skip - < jobs.ndjson
"""

DB_UPGRADE = """\
Bring the queue file to the schema of this version, as the first command of it would. A copy of the
old file is kept beside it.

Usage:
  queuectl db upgrade [options]

Examples:
  queuectl db upgrade
  queuectl db upgrade --json
"""

DB_CHECK = """\
Read every page of the queue file, and compare its counts with its jobs. Exit code 1: a check did
not pass.

Usage:
  queuectl db check [options]

Examples:
  queuectl db check
  queuectl db check --json
"""

DB_VACUUM = """\
Write the queue file anew without the room of what was forgotten. Everybody else waits meanwhile; it
needs twice the file's size on the disk.

Usage:
  queuectl db vacuum [options]

Examples:
  queuectl db vacuum
  queuectl db vacuum --json
"""

TEXTS = {
    "export": EXPORT,
    "import": IMPORT,
    "db upgrade": DB_UPGRADE,
    "db check": DB_CHECK,
    "db vacuum": DB_VACUUM,
}
