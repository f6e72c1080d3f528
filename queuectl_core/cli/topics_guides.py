"""Short guides by task, as `queuectl help TOPIC` prints them. docs/ has the longer ones.

Every line that begins with `$ queuectl` is a command that works; the tests parse them all.
"""

from __future__ import annotations

FIRST_JOB = """\
Your first job, from the queue to its output.

Put a command into the queue. One word is a shell line; two or more are a program with its
arguments, which no shell reads:

  $ queuectl enqueue 'echo hello > /tmp/hello'
  $ queuectl enqueue -- rsync -a src/ dst/

Exit code 0 means: on disk. Let a worker run what is there, and end:

  $ queuectl worker start --drain

Without --drain it stays until Ctrl+C and runs what comes, --count 4 at four at a time. As a
service: queuectl service install. Then look:

  $ queuectl list
  $ queuectl show 1
  $ queuectl logs 1

A job that is to be found again, or must not come twice, gets an id of your own:

  $ queuectl enqueue --id report --timeout 10m -- ./report.sh
  $ queuectl wait --timeout 1h report

Next: queuectl help retries, help times, help cron.
"""

CRON = """\
From cron, and other callers that nobody watches.

Let cron enqueue and a worker run: the job has retries, a timeout, its output is kept, and two
lines of the same minute do not run into each other. Use the whole path; cron's PATH is short:

  0 3 * * *  /usr/local/bin/queuectl enqueue --id "dump-$(date +\\%F)" --on-conflict skip -- dump.sh

The id makes the line safe to repeat: with --on-conflict skip a second enqueue of that id adds
nothing and exits with 0; without it, with 73.

  $ queuectl enqueue --id dump-2030-01-31 --on-conflict skip -- dump.sh
  $ queuectl enqueue -q --id dump-2030-02-01 --on-conflict skip -- dump.sh

-q prints the id only. Errors go to stderr, so cron mails them. Nothing ever asks: stdin may be
closed, and LANG, HOME and PATH may be missing (HOME then comes from passwd).

Jobs run with the worker's environment, not cron's: give them what they need with --env.

Where no worker is wanted, `run` is the wrapper: it runs the job itself, in cron's environment, with
retries, timeout, lock and history, and exits as the job does:

  $ queuectl run --id backup --on-conflict replace --retries 3 --timeout 2h -- ./backup.sh

Check from another line that a worker lives:

  $ queuectl worker health
"""

RETRIES = """\
Attempts, waits between them, and timeouts.

A job that does not end with exit code 0 runs again: --retries attempts in all, with a wait
before each next one.

  $ queuectl enqueue --retries 5 --backoff exp:2 -- ./fetch.sh
  $ queuectl enqueue --retries 4 --backoff 10,60,600 -- ./fetch.sh

  exp:2        1, 2, 4, 8 ... seconds; exp:3 1, 3, 9 ...
  linear:30    30, 60, 90 ... seconds
  fixed:60     60 seconds each time
  10,60,600    these, the last one again and again

No wait is longer than the setting backoff-cap. --timeout ends an attempt with all processes it
started: TERM first, KILL after the setting kill-grace. That counts as a failure.

  $ queuectl config set max-retries 5
  $ queuectl config set job-timeout 600

A job that waits for its next attempt is `failed`; one without attempts left is `dead` (help
dead-letters). `queuectl show ID` lists each attempt; run one again by hand:

  $ queuectl list --state failed
  $ queuectl retry report

When a worker dies, its jobs run again and the start counts; --on-crash fail or hold keeps a job
that must not repeat from that.
"""

DEAD_LETTERS = """\
Dead letters: jobs that failed for good, and what to do with them.

They stay until you decide. Look at them, at their attempts and what they wrote:

  $ queuectl dlq list
  $ queuectl dlq show report
  $ queuectl logs --stderr report

Then, when the reason is gone, run them again with attempts from zero:

  $ queuectl dlq retry report
  $ queuectl dlq retry --all

The reason of each is in the field `reason`: exit, signal, timeout, poison (it took its worker
down three times), interrupted (its worker died and --on-crash forbade another run).
"""

SCHEDULING = """\
Later: at a time, or after a while.

  $ queuectl enqueue --at 03:00 -- ./nightly.sh
  $ queuectl enqueue --at 'tomorrow 18:30' -- ./report.sh
  $ queuectl enqueue --at 2030-12-31T23:59:00Z -- ./fireworks.sh
  $ queuectl enqueue --in 90m -- ./remind.sh

A time without an offset is one of your time zone (TZ), right across summer time; the answer
shows what was understood, with its offset. `queuectl help times` has all forms.

A job never starts before its time. It starts at it when a worker runs and is free: the higher
priority first (-p 1 to 10), then the one that is due for longer. After a time when no worker ran
all that became due runs, each job once. For what comes again and again: help schedules.
"""

SCHEDULES = """\
Again and again: recurring schedules.

A schedule makes a job at each of its times; a running worker sees to that, one of several, and no
time gets two. Every option of enqueue goes for its jobs.

  $ queuectl schedule add nightly '30 3 * * *' --tz Europe/Berlin --expect 26h -- ./backup.sh
  $ queuectl schedule add mails 'every 90s' -- ./send.sh
  $ queuectl schedule list
  $ queuectl schedule next --count 5

  30 3 * * mon-fri   minute hour day month weekday; where day and weekday are both given, either
  */10 30 3 * * *    six fields: the second comes first
  @daily             @hourly @weekly @monthly @yearly; L: the last day; 5#1: the first Friday
  every 90s          spans from --start on, or from the moment of the add

Summer time: a local time that the clocks skip comes once, right after the gap; one that they show
twice comes the first time. What names every hour, as `*/5 * * * *`, follows the time that passes
instead. `schedule next` marks such times: skipped, repeated.

  --overlap skip     the last job has not ended: none this time (or queue, replace, allow)
  --catch-up last    no worker ran: one job for all times missed (or none, all, all:6h)
  --expect 26h       none completed for so long: the event `late`; `status --check` fails

Jobs have QUEUECTL_SCHEDULED_AT, the time that they are for. From cron, all at once:

  $ queuectl schedule import --crontab --dry-run /etc/crontab

Look after them:

  $ queuectl schedule check
  $ queuectl schedule pause nightly
  $ queuectl list --schedule nightly
"""

JSON = """\
Scripts: --json, ids, exit codes.

--json on any verb prints one JSON object a line. Fields are only ever added, never renamed;
times are RFC 3339 with offset, spans are seconds, ids are text. An error is one object on stderr:
{"error": ..., "hint": ..., "exit_code": ...}.

  $ queuectl list --json --state dead
  $ queuectl status --json
  $ queuectl show --json report

enqueue reads the same fields, an object a line, also what list printed:

  $ queuectl enqueue '{"id":"a1","command":"echo hello","priority":9,"timeout":60}'
  $ queuectl enqueue --stdin < jobs.ndjson
  $ queuectl enqueue --stdin --atomic < jobs.ndjson

A bad line is told by its number; the good ones are kept, unless --atomic: then all or none.
In a script:

  id=$(queuectl enqueue -q -- ./import.sh) && queuectl wait --timeout 1h "$id" || exit

wait exits with 0 when all are completed, 1 when one is not, 124 when the time is over.
`queuectl help exit-codes` has the rest.
"""

TOPICS = {
    "first-job": FIRST_JOB,
    "cron": CRON,
    "retries": RETRIES,
    "dead-letters": DEAD_LETTERS,
    "scheduling": SCHEDULING,
    "schedules": SCHEDULES,
    "json": JSON,
}
