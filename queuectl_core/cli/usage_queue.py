"""Usage texts of the verbs on workers and settings, and the help topics."""

from __future__ import annotations

WORKER_START = """\
Run jobs, in the foreground.

Ctrl+C or `queuectl worker stop` lets running jobs end first; a second Ctrl+C stops them too.

Usage:
  queuectl worker start [options] [--queue Q]...

Options:
  --count N       run N jobs at the same time (default: 1)
  --queue Q       only jobs of this queue; may come several times; Q=N: at most N at a time
  --drain         end when there is nothing left to do
  --max-jobs N    end after N jobs
  --detach        run in the background; returns when the worker is ready, or tells why it is not
  --name NAME     what `worker list` calls it besides its number
  --web ADDRESS   serve the dashboard at HOST:PORT too, as queuectl web does

Examples:
  queuectl worker start
  queuectl worker start --count 4
  queuectl worker start --detach --count 4 --queue mail=1 --queue thumbs --name web1
  queuectl worker start --queue mail --queue thumbs --drain
"""

WORKER_STOP = """\
Let the workers of this host finish what they run, then end; wait until they are gone.

Usage:
  queuectl worker stop [options]

Options:
  --timeout SPAN    wait no longer (default: stop-timeout + kill-grace + 5 s)
  --now             stop running jobs too; they run again later, and the start does not count

Examples:
  queuectl worker stop
  queuectl worker stop --timeout 2m
  queuectl worker stop --now
"""

WORKER_HEALTH = """\
Tell how the workers do. Exit code 0: all well; 3: none runs; 1: one is not well.

Usage:
  queuectl worker health [options]

Options:
  --max-age SPAN    the last heartbeat may be that old (default: 30s)

Examples:
  queuectl worker health
  queuectl worker health --max-age 10s
  queuectl worker health --json
"""

WORKER_LIST = """\
List the workers. As `worker health`, but the exit code is 0 whatever they do.

Usage:
  queuectl worker list [options]

Examples:
  queuectl worker list
  queuectl worker list --json
"""

CONFIG_GET = """\
Print the settings in force, or the value of one. A variable QUEUECTL_MAX_RETRIES beats the file.

Usage:
  queuectl config get [options] [<key>]

Examples:
  queuectl config get
  queuectl config get max-retries
  queuectl config get --json
"""

CONFIG_SET = """\
Change a setting in config.json. Running workers use it within a second.

Seconds and days can be written as spans: 10m, 1h30m, 7d.

Usage:
  queuectl config set [options] [--] <key> <value>

Examples:
  queuectl config set max-retries 5
  queuectl config set backoff-base 3.0
  queuectl config set job-timeout 600
  queuectl config set stop-timeout 2m
"""

CONFIG_UNSET = """\
Give a setting its default back: remove it from config.json.

Usage:
  queuectl config unset [options] <key>

Examples:
  queuectl config unset max-retries
  queuectl config unset db-path
"""

CONFIG_PATH = """\
Print where the settings are kept. The file need not exist.

Usage:
  queuectl config path [options]

Examples:
  queuectl config path
  queuectl config path --home /var/lib/queuectl
"""

CONFIG_CHECK = """\
Tell all that is wrong in config.json, with its line, and in the variables QUEUECTL_*. Exit code 78:
something is.

Usage:
  queuectl config check [options]

Examples:
  queuectl config check
  queuectl config check --json
"""

TEXTS = {
    "worker start": WORKER_START,
    "worker stop": WORKER_STOP,
    "worker health": WORKER_HEALTH,
    "worker list": WORKER_LIST,
    "config get": CONFIG_GET,
    "config set": CONFIG_SET,
    "config unset": CONFIG_UNSET,
    "config path": CONFIG_PATH,
    "config check": CONFIG_CHECK,
}

TOPICS = {
    "ids": """\
What jobs are called.

Each job has a number, given by the queue, and may have a text id, given by you.
Every verb takes both, and several of them:

  queuectl show 17 nightly     a text id first, else a number
  queuectl show id:17          the job whose text id is 17
  queuectl show '#17'          the job whose number is 17

Enqueueing with an id that exists changes nothing and exits with 73; with --on-conflict skip
it exits with 0.
""",
    "times": """\
Moments and spans.

A moment, for --at and run_at:

  2030-12-31T23:59:00Z         exact; +01:00 in the place of Z also
  2030-12-31T23:59:00          in your time zone (TZ), or UTC with the setting naive-time = utc
  23:59  'tomorrow 03:00'      the next such time
  +10m  @1700000000            from now; seconds since 1970

A span, for --in, --timeout: 90 (seconds), 90s, 10m, 2h, 1h30m, 7d.
What was understood is printed with its offset when you enqueue.
""",
    "states": """\
States of a job.

  pending       waits: for a worker, for its time, or for its `reason`: dependency, mutex, held
  processing    runs
  completed     ended with exit code 0
  failed        failed, and waits for its next attempt
  dead          failed for good: its attempts are used up, or its worker died while
                it ran and it must not repeat (queuectl dlq list)
  cancelled     a user did not want it any more, it expired, or a job that it was to wait
                for ended otherwise (queuectl show: `reason`)
""",
    "exit-codes": """\
Exit codes.

  0     done; wait: all completed; worker health, status --check, doctor: all well
  1     the answer is no: a waited job failed or was cancelled, a worker is not well,
        doctor found a problem, the job's state forbids it
  3     no worker runs
  4     no such job
  64    the command line is wrong
  65    the data is wrong: JSON, a field, a time
  66    the input file can't be read
  69    a service is not there
  70    a bug of ours
  73    the id exists, or the unique key
  74    a disk or file error: full, damaged
  75    busy, or the queue takes no more jobs: try again
  76    the queue file is of a newer version
  77    no permission
  78    the configuration is wrong
  124   wait: the time is over
  N     run, enqueue --wait, wait --propagate: the job's own code; 124: it took too long;
        125: its end is not known; 126, 127: it could not start; 128+N: signal N ended it
  130   interrupted by Ctrl+C
""",
    "environment": """\
Environment variables that queuectl reads.

  QUEUECTL_HOME            the home (default: ~/.queuectl)
  QUEUECTL_MAX_RETRIES     and so on for each setting: it beats config.json
  QUEUECTL_DEBUG=1         show tracebacks
  NO_COLOR                 no colours
  TZ                       your time zone
""",
}
