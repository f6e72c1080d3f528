"""Usage texts of the verbs that look after the queue itself."""

from __future__ import annotations

BACKUP = """\
Copy the queue to a file while workers and everybody else go on.

The file appears under its name once it is whole and on disk. It is a queue file itself.

Usage:
  queuectl backup [options] <file>

Options:
  --verify    read every page of the copy again and compare its counts with its jobs
  --force     replace a file of that name

Examples:
  queuectl backup /backup/queue.db
  queuectl backup --verify --force /backup/queue.db
"""

RESTORE = """\
Put a backup in the place of the queue, also of one that is damaged, emptied or missing.

Workers must be stopped. The old file is kept beside as queue.db.replaced-<UTC time>. Jobs that ran
when the backup was made run again, as after a crash.

Usage:
  queuectl restore [options] <file>

Options:
  --force    also when the present queue is healthy and holds jobs

Examples:
  queuectl restore /backup/queue.db
  queuectl restore --force /backup/queue.db
"""

DOCTOR = """\
Examine the home, the disk, the queue file and the workers: one line each, and what to do next.

Exit code 0: healthy, perhaps with warnings; 1: there is a problem. It creates nothing.

Usage:
  queuectl doctor [options]

Options:
  --fix    count anew, empty a long log, remove what killed commands left behind

Examples:
  queuectl doctor
  queuectl doctor --fix
  queuectl doctor --json
"""

TEXTS = {"backup": BACKUP, "restore": RESTORE, "doctor": DOCTOR}
