"""Usage texts of the verbs that change jobs and queues. docopt parses them, tests run them."""

from __future__ import annotations

from queuectl_core.cli.usage_selection import OPTIONS, OPTIONS_WITHOUT_STATE

_DRY_RUN = """\
  --dry-run            only tell what would be done\
"""
_ASKING = f"""\
{_DRY_RUN}
  --yes                do not ask; needed for a selection where nobody can be asked\
"""

CANCEL = f"""\
Cancel jobs: those named, or all that the options select. One that waits will never run; one that
runs is stopped by its worker.

Usage:
  queuectl cancel [options] [<id>...]

Options:
{OPTIONS}
{_ASKING}

Without --state: all that wait or run. What can't be cancelled is told by name, the others are.

Examples:
  queuectl cancel job1
  queuectl cancel --dry-run 17 18
  queuectl cancel --queue thumbs --state pending --yes
"""

RETRY = f"""\
Run jobs again, at once and with attempts from zero: those named, or all that the options select.

Usage:
  queuectl retry [options] [<id>...]

Options:
{OPTIONS}
{_DRY_RUN}

Named jobs may be failed, dead, cancelled or completed. Without --state a selection means failed and
dead ones. Jobs that are held after a crash (--on-crash hold) run again when they are named only.

Examples:
  queuectl retry job1
  queuectl retry 17 18 19
  queuectl retry --state dead --grep 'no such host'
"""

EDIT = f"""\
Change jobs that wait: those named, or all that the options select.

Usage:
  queuectl edit [options] [--set FV]... [<id>...]

Options:
  --set FV             FIELD=VALUE; may come several times
{OPTIONS}
{_DRY_RUN}

The fields are those of enqueue's JSON but id: command, argv, priority, max_retries, run_at,
timeout, queue, backoff, cwd, env, on_crash, tags. env and argv are JSON, tags are names with
commas; an empty value gives the default back. A job that runs or has ended is not changed.

Examples:
  queuectl edit job1 --set priority=9
  queuectl edit 17 18 --set run_at='tomorrow 03:00' --set timeout=2h
  queuectl edit --queue mail --state pending --set queue=slow-mail
"""

RM = f"""\
Remove jobs that have ended, with their attempts and output: those named, or all that the options
select. Jobs that wait or run are refused: cancel them first.

Usage:
  queuectl rm [options] [<id>...]

Options:
{OPTIONS}
{_ASKING}

Examples:
  queuectl rm job1
  queuectl rm --state completed --older-than 7d --yes
  queuectl rm --tag import-42 --dry-run
"""

PRUNE = f"""\
Forget completed and cancelled jobs, with their attempts and output, as a worker does by itself.

Usage:
  queuectl prune [options]

Options:
  --older-than SPAN    ended longer ago than that (default: the settings keep-finished-*)
{_ASKING}

Dead letters stay: queuectl dlq purge.

Examples:
  queuectl prune
  queuectl prune --older-than 7d --yes
"""

DLQ_RETRY = f"""\
Run dead letters again, attempts from zero: those named, those that the options select, or all.

Usage:
  queuectl dlq retry [options] [<id>...]

Options:
  --all                all but those that are held (--on-crash hold): name these one by one
  --rate RATE          let them become due one after the other: 5/s, 30/m, 100/h
{OPTIONS_WITHOUT_STATE}
{_DRY_RUN}

Examples:
  queuectl dlq retry job1
  queuectl dlq retry 17 18
  queuectl dlq retry --all --rate 5/s
  queuectl dlq retry --grep 'no such host'
"""

DLQ_PURGE = f"""\
Remove dead letters with their attempts and output: those named, those that the options select, or
all.

Usage:
  queuectl dlq purge [options] [<id>...]

Options:
  --all                all dead letters
{OPTIONS_WITHOUT_STATE}
{_ASKING}

Examples:
  queuectl dlq purge job1
  queuectl dlq purge --older-than 30d --yes
  queuectl dlq purge --all --dry-run
"""

PAUSE = """\
Let no job of a queue start any more; without a name of no queue, later ones too. What runs goes on.

Usage:
  queuectl pause [options] [<queue>]

Options:
  --reason TEXT    why, for those who see it in status

It holds until `queuectl resume`, also across restarts. Jobs can still be added. A worker with
--drain does not wait for paused jobs.

Examples:
  queuectl pause
  queuectl pause mail --reason 'smtp is down'
"""

RESUME = """\
Let jobs of a paused queue start again; without a name of all queues.

Usage:
  queuectl resume [options] [<queue>]

Examples:
  queuectl resume
  queuectl resume mail
"""

TEXTS = {
    "cancel": CANCEL,
    "retry": RETRY,
    "edit": EDIT,
    "rm": RM,
    "prune": PRUNE,
    "dlq retry": DLQ_RETRY,
    "dlq purge": DLQ_PURGE,
    "pause": PAUSE,
    "resume": RESUME,
}
