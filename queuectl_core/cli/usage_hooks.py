"""Usage texts of the verbs on hooks."""

from __future__ import annotations

ADD = """\
Run a command when something happened. It reads the event as JSON from stdin.

Usage:
  queuectl hook add [options] [--env KV]... [<event>] [--] [<word>...]

Events:
  completed       a job has completed
  failed          an attempt failed, and the job runs again
  dead            a job failed for good
  cancelled       a job was cancelled, has expired, or waited in vain
  slow            a job runs longer than --over, told while it runs
  late            a schedule had no success in the time that it expects
  queue-paused    a queue was paused, or all were
  queue-resumed   they go on

Each run is a job of the queue .hooks, added in one step with what it tells of: with retries, output
and, where all attempts fail, a dead letter. Listings and figures leave that queue out unless you
name it. A worker without --queue takes hooks too. Nothing that happens to a hook's own runs is told
to any hook.

Options:
  --queue Q              only of jobs of this queue
  --schedule S           only of this schedule
  --name NAME            what to call the hook (default: after its event)
  --over SPAN            slow: how long is too long
  --every SPAN           run once in SPAN at most, about all that happened meanwhile
  --cwd DIR              run it in DIR (default: the directory you are in)
  --env KV               set a variable for it: NAME=VALUE; may come several times
  --timeout SPAN         end it after that; 0: never (default: the setting job-timeout)
  --retries N            attempts in all (default: 8, over two minutes)
  -p N, --priority N     from 1 to 10 (default: 9, before what waits already)
  --on-conflict WHAT     when the name is taken: error, skip, replace
  --stdin                add the hooks of `queuectl hook list --json`

One word is a shell line, two or more a program and its arguments, as with queuectl enqueue.

Examples:
  queuectl hook add dead 'mail -s "job $QUEUECTL_EVENT_JOB is dead" ops@example.org'
  queuectl hook add dead --queue mail --every 10m --name mail-is-ill -- ./alert.py --team post
  queuectl hook add slow --over 10m -- logger -t queuectl "a job takes long"
  queuectl hook add completed --queue reports 'jq -r .job.id >> done'
"""

LIST = """\
List the hooks: what they listen to, how many events they were told, which runs wait or are dead.

Usage:
  queuectl hook list [options]

Examples:
  queuectl hook list
  queuectl hook list --json
"""

SHOW = """\
Show all about hooks.

Usage:
  queuectl hook show [options] <hook>...

Examples:
  queuectl hook show dead
  queuectl hook show --json dead
"""

REMOVE = """\
Remove hooks. Their runs that are in the queue already stay there.

Usage:
  queuectl hook rm [options] <hook>...

Examples:
  queuectl hook rm dead
  queuectl hook rm dead dead-2
"""

PAUSE = """\
Let hooks hear nothing. What happens meanwhile they are never told.

Usage:
  queuectl hook pause [options] <hook>...

Examples:
  queuectl hook pause dead
  queuectl hook pause dead slow
"""

RESUME = """\
Let paused hooks hear again.

Usage:
  queuectl hook resume [options] <hook>...

Examples:
  queuectl hook resume dead
  queuectl hook resume dead slow
"""

TEST = """\
Tell a hook of an event that did not happen: run its command here and now, once.

Its output is yours, and its exit code too. It is told of the newest job that such an event could be
about, or of one made up; "test" is true in the event. The surroundings are yours, not a worker's:
with --enqueue a worker runs it.

Usage:
  queuectl hook test [options] <hook>

Options:
  --enqueue    leave it to a worker, with all attempts

Examples:
  queuectl hook test dead
  queuectl hook test --enqueue dead
"""

TEXTS = {
    "hook add": ADD,
    "hook list": LIST,
    "hook show": SHOW,
    "hook rm": REMOVE,
    "hook pause": PAUSE,
    "hook resume": RESUME,
    "hook test": TEST,
}
