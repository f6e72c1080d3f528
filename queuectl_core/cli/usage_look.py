"""Usage texts of the verbs that look at jobs and at the whole queue."""

from __future__ import annotations

from queuectl_core.cli.usage_selection import MOMENTS, OPTIONS, OPTIONS_WITHOUT_STATE

LIST = f"""\
List jobs, the newest first: 50 on a terminal, all into a pipe.

Usage:
  queuectl list [options]

Options:
{OPTIONS}
{MOMENTS}
  --sort KEY           by number (default), run_at, priority, finished_at or duration, the
                       latest, most urgent or longest first; with a - before it the other way
  --limit N            at most N jobs; 0: all
  --columns LIST       these columns in this order: id, number, state, reason, priority,
                       attempts, queue, run_at, created_at, started_at, finished_at, duration,
                       exit_code, error, worker, cpu, tags, cwd, command
  --watch              show them live, again each second, until q or Ctrl+C

`failed` is a job that failed and waits for its retry; one that failed for good is `dead`.

Examples:
  queuectl list
  queuectl list --state failed,dead --sort finished_at
  queuectl list --json --queue thumbs --limit 100
  queuectl list --grep rsync --since 2h
  queuectl list --columns id,state,duration,error --sort=-duration
  queuectl list --watch --state pending,processing
"""

DLQ_LIST = f"""\
List the dead letters, the newest first: jobs whose attempts are used up.

Usage:
  queuectl dlq list [options]

Options:
{OPTIONS_WITHOUT_STATE}
{MOMENTS}
  --sort KEY           as for queuectl list
  --limit N            at most N jobs; 0: all
  --columns LIST       as for queuectl list
  --by-error           one line for each error: how many jobs, when last, and one of them;
                       errors that differ only in numbers count as one; takes --queue

Examples:
  queuectl dlq list
  queuectl dlq list --sort finished_at --columns id,finished_at,error
  queuectl dlq list --by-error
"""

SHOW = """\
Show all about jobs: what they run, how they stand, and each attempt.

Usage:
  queuectl show [options] <id>...

Options:
  --env      show the values of the job's variables, hidden where the name speaks of a secret:
             TOKEN, SECRET, PASSWORD, KEY (--json and --shell hide nothing)
  --shell    print a script that runs the job by hand: its directory, variables and exact words

Examples:
  queuectl show job1
  queuectl show 17 18 19
  queuectl show --json nightly
  queuectl show --shell job1 | sh
"""

WHY = """\
Say in one line what a job waits for and until when, or how it ended, and what to do next.

Usage:
  queuectl why [options] <id>...

Examples:
  queuectl why job1
  queuectl why 17 18
  queuectl why --json nightly
"""

WAIT = """\
Wait until jobs have ended.

Exit code 0: all completed; 1: one is dead or cancelled; 124: the time is over.

Usage:
  queuectl wait [options] [<id>...]

Options:
  --queue Q         for all jobs of this queue that wait or run now
  --all             for all jobs that wait or run now, those of a later day too
  --drained         until nothing is due, runs or waits for a retry (with --queue: there);
                    how jobs end does not matter
  --any             until the first of them has ended, and only that one counts
  --timeout SPAN    wait no longer: 90, 10m, 2h
  --propagate       exit with the code of the first job that did not end well, as enqueue --wait
                    does (help exit-codes)

Examples:
  queuectl wait job1
  queuectl wait --timeout 10m 17 18 19
  queuectl wait --any left right
  queuectl wait --queue thumbs --timeout 1h
  queuectl wait --drained
"""

STATUS = """\
Count the jobs by state, and tell how the workers stand.

Usage:
  queuectl status [options]

Options:
  --check           also say what is not well, and exit with 1 where something is: jobs wait
                    and no worker runs, a worker died or does not respond
  --max-age SPAN    with --check: no due job waits longer than that
  --max-dead N      with --check: no more than N jobs are dead

Examples:
  queuectl status
  queuectl status --json
  queuectl status --check --max-age 10m --max-dead 0
"""

METRICS = """\
Sum up what happened since the queue began, and show the last events.

Usage:
  queuectl metrics [options]

Options:
  --recent N       show the last N events (default: 10)
  --window SPAN    sum up only the last minutes, hours or days: 5m, 1h, 7d
  --prometheus     print all figures in the text format that Prometheus reads

Examples:
  queuectl metrics
  queuectl metrics --recent 50
  queuectl metrics --window 1h
  queuectl metrics --prometheus
"""

TOP = """\
Watch the queue live: states, rates, running jobs, queues and workers.

Keys: q ends, p pauses, up and down or j and k scroll, s sorts, / filters by a part of the id,
queue or command, Enter shows the job, ? explains.

Usage:
  queuectl top [options]

Options:
  --interval SPAN    look again after that (default: 1s)

Examples:
  queuectl top
  queuectl top --interval 5s
"""

DLQ_SHOW = """\
Show dead letters with each of their attempts.

Usage:
  queuectl dlq show [options] <id>...

Options:
  --env    show the values of the job's variables, those of secrets hidden

Examples:
  queuectl dlq show job1
  queuectl dlq show --json 17
"""

TEXTS = {
    "list": LIST,
    "dlq list": DLQ_LIST,
    "show": SHOW,
    "why": WHY,
    "wait": WAIT,
    "status": STATUS,
    "metrics": METRICS,
    "top": TOP,
    "dlq show": DLQ_SHOW,
}
