"""Topics of `queuectl help` for whoever looks after the queue."""

from __future__ import annotations

from queuectl_core.cli.usage_selection import MOMENTS, OPTIONS

SELECTION = f"""\
Which jobs a verb means: ids, or what they have in common.

Verbs that change jobs take ids or a selection, not both; `list` and `export` take the same options.
A job is selected when all of them hold:

{OPTIONS}
{MOMENTS}

--since and --until are for verbs that only look. Look first, then change:

  $ queuectl list --state dead --queue mail --grep timeout
  $ queuectl retry --state dead --queue mail --grep timeout --dry-run
  $ queuectl retry --state dead --queue mail --grep timeout

--dry-run changes nothing and says how many it would be. A large selection is changed in parts, so
that workers go on meanwhile. Verbs that destroy ask first where somebody can answer, and want --yes
elsewhere.
"""

OPERATING = """\
Keep it running: service, health, settings, backups.

  $ queuectl service install --count 4 --dry-run
  $ queuectl worker health
  $ queuectl status
  $ queuectl doctor

`service install` writes a systemd unit; `doctor` examines home, disk, queue file and workers and
says what to do. Settings reach running workers within a second:

  $ queuectl config get
  $ queuectl config set stop-timeout 60

A worker that stops lets its jobs end first, up to stop-timeout; `worker stop --now` ends them too,
and they run again later. Back up while everybody goes on:

  $ queuectl backup --verify --force /backup/queue.db

Finished jobs and output are pruned by the settings keep-*; dead letters stay. An upgrade is a new
file in the place of the old one; then restart the worker: running jobs end first.
"""

SECURITY = """\
Who may do what.

- The home is yours alone (0700, its files 0600). A home or queue file that others could replace
  is refused, with exit code 77.
- A job runs as the user of the worker and may do all that this user may. Jobs of one user are not
  shielded from each other; use one queue and one worker for each user.
- Commands, variables (--env) and output are kept in the queue and in the home as they are: put
  secrets into files that only the worker's user can read, and pass the name.
- Two words or more after enqueue are a program and its arguments, and no shell reads them: in
  scripts use that form for names that come from elsewhere:

  $ queuectl enqueue -- convert "$file" out.png

- What jobs write can't move your cursor: control characters are shown as text. --raw, and pipes,
  give the bytes.
- queuectl listens on no network port and sends nothing anywhere.
"""

COMPLETION = """\
Completion and manual pages for your shell.

  $ queuectl completion bash

prints a script that completes verbs, options, values, job ids, queues and settings. In ~/.bashrc:

  source <(queuectl completion bash)

For zsh, after compinit:  source <(queuectl completion zsh)
For fish:                 queuectl completion fish | source

The one file brings its manual pages along:

  $ queuectl help --man > queuectl.1
  $ queuectl help --man enqueue > queuectl-enqueue.1

Put them into ~/.local/share/man/man1, or /usr/local/share/man/man1, then: man queuectl
"""

HOOKS = """\
Hooks: commands that run when something happened.

  $ queuectl hook add dead 'mail -s "job $QUEUECTL_EVENT_JOB is dead" ops@example.org'
  $ queuectl hook add slow --over 10m --every 1h -- ./alert.py
  $ queuectl hook test dead
  $ queuectl hook list

The command reads the event as one line of JSON: event, hook, at, queue, schedule, attempt, job (its
record), detail, count, events, test. The variables QUEUECTL_EVENT, QUEUECTL_EVENT_JOB,
QUEUECTL_EVENT_QUEUE, QUEUECTL_EVENT_SCHEDULE and QUEUECTL_EVENT_HOOK say the most of it.

Each run is a job of the queue .hooks, with 8 attempts and its output; it is added in one step with
what it tells of. That queue is left out of listings and figures unless you name it:

  $ queuectl list --queue .hooks
  $ queuectl dlq list --queue .hooks

A worker without --queue takes hooks too; one with a list needs --queue .hooks besides. With --every
a storm of events is one run in that time. Take hooks along to another queue:

  $ queuectl hook list --json
  $ queuectl hook add --stdin
"""

TOPICS = {
    "selection": SELECTION,
    "operating": OPERATING,
    "security": SECURITY,
    "hooks": HOOKS,
    "shell": COMPLETION,
}
