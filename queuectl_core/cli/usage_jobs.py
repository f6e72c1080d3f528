"""Usage texts of the verbs on jobs. docopt parses them and the tests run their examples."""

from __future__ import annotations

_TERMS = """\
  --ok-codes CODES      what counts as success beside 0: 3,10-19,SIGTERM,timeout
  --retry-on CODES      try again only after these: 75, 64-78, SIGKILL, timeout, verify
  --no-retry-on CODES   never after these
  --jitter WHAT         spread the waits by chance: 20% (that much shorter), 30s (longer)
  --verify LINE         a shell line to check a run that ended well; fails, and so did the run
  --kill-after SPAN     from the wish to end to SIGKILL (default: the setting kill-grace)
  --nice N              run it with this niceness; 19 is the kindest
  --allow-background    let what it leaves in the background live on when it ended well or failed
  --tag T               put a tag on it, to select it by; may come several times
  --shell               join the words to a shell line
"""
"""How a job runs, and what counts as its success: the same for who adds it and who runs it."""

_PLACE = """\
  --queue Q             put it into this queue (default: default)
  -p N, --priority N    from 1 to 10; 10 runs first (default: 5)
"""
_START = """\
  --retries N           attempts in all (default: the setting max-retries)
  --timeout SPAN        end it after that; 0: never (default: the setting job-timeout)
  --backoff RULE        waits between attempts: exp:2, linear:30, fixed:60, 10,60,300
  --on-crash WHAT       when its worker dies while it runs: retry (default), fail, hold
  --cwd DIR             run it in DIR (default: the directory you are in)
  --env KV              set a variable for it: NAME=VALUE; may come several times
  --env-file FILE       set the variables of FILE: NAME=VALUE lines, # comments, quotes
  --inherit-env GLOB    keep these of your variables for it: 'AWS_*'; may come several times
  --input FILE          what it reads from stdin; -: what you give here; 1 MiB at most
"""
_WISHES = """\
  --mutex KEY           run never two jobs with KEY at once; KEY=N: never more than N
  --unique KEY          add none while another with KEY waits or runs; KEY=started: while one
                        waits; KEY=1h: for an hour after one was added
  --expires TIME        cancel it when it was not started by then; 30m: after it came due
"""
JOB_OPTIONS = _PLACE + _START + _TERMS + _WISHES
"""What a job can be given wherever one is made that does not run here and now."""

ENQUEUE = (
    """\
Add a job to the queue; a worker runs it. When this exits with 0 the job is on disk.

Usage:
  queuectl enqueue [options] [--env KV]... [--tag T]... [--inherit-env GLOB]... [--after JOB]...
                   [--] [<word>...]

One word is a shell line, run by /bin/sh. Two or more are a program and its arguments, run
without a shell, byte for byte; put -- before them where the first one starts with a dash.
One word that opens with { is a JSON object with the fields id, command, argv, priority,
max_retries, run_at, timeout, queue, backoff, on_crash, cwd, env, tags, after, unique, mutex,
expires_at, hold, input, ok_codes, retry_on, no_retry_on, jitter, verify, kill_after, nice,
allow_background.

Options:
  --id ID               name the job: letters, digits and . _ : -; the id is
                        free again once the job is pruned (settings keep-finished-*)
"""
    + _PLACE
    + """\
  --at TIME             run it then: 2030-12-31T23:59:00Z, 'tomorrow 03:00' (help times)
  --in SPAN             run it after that: 90, 10m, 2h, 7d
"""
    + _START
    + _TERMS
    + """\
  --after JOB           wait until JOB has completed; JOB:fail: has failed or was cancelled,
                        JOB:any: has ended; may come several times
"""
    + _WISHES
    + """\
  --hold                hold it back until: queuectl release
  --on-conflict WHAT    when the id or the unique key exists: error, skip (exit 0, nothing
                        added), replace (the old job is cancelled if it waits)
  --stdin               read jobs from stdin, one a line: JSON objects or shell lines
  -f FILE, --file FILE  read jobs from FILE, the same way
  --atomic              with --stdin or --file: all lines or none; keeps them all in memory
  --dry-run             check, show what would be added, and add nothing
  --wait                stay until it has ended, and exit as it did (help exit-codes)
  --follow              --wait, with its stdout and stderr on ours

In a stream, blank lines and those that begin with # are passed over.

Examples:
  queuectl enqueue '{"id":"job1","command":"echo test","priority":10}'
  queuectl enqueue -p 9 --retries 5 -- rsync -a src/ backup:/srv/
  queuectl enqueue --id nightly --on-conflict skip --at 03:00 'pg_dump shop | gzip > s.gz'
  queuectl enqueue --timeout 10m --env TIER=gold --env DEBUG=1 -- ./import.sh 17
  queuectl enqueue --stdin --queue thumbs < commands.txt
  queuectl enqueue --retries 5 --retry-on 75,timeout --follow -- ./publish.sh
  queuectl enqueue --id load --mutex db --expires 2h -- ./load.sh
  queuectl enqueue --after load -- ./report.sh
"""
)

RUN = (
    """\
Run a job here and now: its output is yours, its exit code too. A wrapper for cron.

Usage:
  queuectl run [options] [--env KV]... [--tag T]... [--inherit-env GLOB]... [--] [<word>...]

It needs no worker: this process runs the job, in your environment and directory, with its timeout,
its retries, and a place in the history; `queuectl logs` has the output as well. It reads your
stdin, unless --input says what to read. SIGINT, SIGTERM and SIGHUP end the job with all its
processes. Where this process is killed, a worker runs the job again.

Exit code: 0 when the job is completed, else the job's own; 124: it took too long; 126, 127: it
could not start; 128+N: signal N ended it, or us; 125: its end is not known. Until it starts the
codes of all verbs (help exit-codes).

Options:
  --id ID               name the job: letters, digits and . _ : -
  --unique KEY          run it not while another with KEY waits or runs; KEY=started: while one
                        waits; KEY=1h: for an hour after one was added
  --mutex KEY           run it not beside another job with KEY, of a worker's neither: exit 75
                        where one runs; KEY=N: not beside N of them
  --wait-mutex SPAN     wait so long for the mutex (default: not at all)
  --on-conflict WHAT    when the id or the unique key exists, or the mutex is held: error (exit
                        73, 75), skip (exit 0, nothing runs), replace (the old job is cancelled
                        if it waits)
  --queue Q             count it to this queue (default: default)
  -p N, --priority N    from 1 to 10, for a worker that has to run it again
  --retries N           attempts in all (default: the setting max-retries)
  --timeout SPAN        end it after that; 0: never (default: the setting job-timeout)
  --backoff RULE        waits between attempts: exp:2, linear:30, fixed:60, 10,60,300
  --on-crash WHAT       when this process dies while it runs: retry (default), fail, hold
  --cwd DIR             run it in DIR
  --env KV              set a variable for it: NAME=VALUE; may come several times
  --env-file FILE       set the variables of FILE: NAME=VALUE lines, # comments, quotes
  --inherit-env GLOB    keep these of your variables for a worker, too: 'AWS_*'
  --input FILE          what it reads from stdin; -: what you give here; 1 MiB at most
"""
    + _TERMS
    + """\

Examples:
  queuectl run -- rsync -a src/ backup:/srv/
  queuectl run --id backup --on-conflict replace --timeout 2h --retries 3 -- ./backup.sh
  queuectl run --unique sync --on-conflict skip --tag nightly -- ./sync.sh
  queuectl run --mutex db --wait-mutex 10m -- ./vacuum.sh
  queuectl run --retry-on 75,timeout --ok-codes 24 'rsync -a src/ dst/ | tail -n 3'
"""
)

LOGS = """\
Print what a job wrote to stdout and stderr, in the order it wrote it.

Usage:
  queuectl logs [options] <id>...

Options:
  -f, --follow         go on until the job has ended
  -n N, --lines N      only the last N lines
  --attempt N          of that attempt, not of the last one (queuectl show lists them)
  --stdout             only what went to stdout
  --stderr             only what went to stderr
  --raw                the bytes as they are, also on a terminal

Examples:
  queuectl logs job1
  queuectl logs -f -n 20 nightly
  queuectl logs --attempt 1 --stderr 17
"""

HOLD = """\
Hold back jobs that wait, until: queuectl release

Usage:
  queuectl hold [options] <id>...

Examples:
  queuectl hold job1
  queuectl hold 17 18
"""

RELEASE = """\
Let jobs go that are held: by enqueue --hold, or by queuectl hold.

Usage:
  queuectl release [options] <id>...

Examples:
  queuectl release job1
  queuectl release 17 18
"""

TEXTS = {
    "enqueue": ENQUEUE,
    "run": RUN,
    "logs": LOGS,
    "hold": HOLD,
    "release": RELEASE,
}
