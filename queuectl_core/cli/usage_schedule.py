"""Usage texts of the verbs on recurring schedules."""

from __future__ import annotations

from queuectl_core.cli.usage_jobs import JOB_OPTIONS

_JOB_OPTIONS = JOB_OPTIONS.replace("  --jitter WHAT         ", "  --retry-jitter WHAT   ")
_RULES = """\
  --tz ZONE             read WHEN by the clocks there: Europe/Berlin, UTC (default: yours)
  --overlap WHAT        when the job before has not ended: skip (default: none this time),
                        queue (it waits), replace (that one is cancelled), allow (both run)
  --catch-up WHAT       when no worker ran: last (default: one job for all times missed),
                        none, all (one for each), all:6h (each of the last six hours)
  --spread SPAN         later by a part of SPAN that is this schedule's on this machine
  --jitter SPAN         later by a part of SPAN that chance chooses each time
  --start TIME          never before then (help times)
  --end TIME            never after then
  --expect SPAN         it is late when none of its jobs has completed for that long: 26h
"""

ADD = (
    """\
Add a schedule: a job that comes again and again. A running worker makes each one in its time.

Usage:
  queuectl schedule add [options] [--env KV]... [--tag T]... [--inherit-env GLOB]...
                        <name> <when> [--] [<word>...]

WHEN is a cron expression in quotes: minute hour day month weekday ('30 3 * * mon-fri'); six
fields begin with the second; or @hourly, @daily, @weekly, @monthly, @yearly, or 'every 90s'.
What follows is the command, as for enqueue. A local time that the clocks skip comes right after
the gap, one that they show twice comes once: see `queuectl schedule next`, help schedules.

Options:
"""
    + _RULES
    + """\
  --replace             put it in the place of the schedule of that name
"""
    + _JOB_OPTIONS
    + """\

Examples:
  queuectl schedule add nightly '30 3 * * *' --tz Europe/Berlin -- ./backup.sh
  queuectl schedule add mails 'every 90s' --overlap queue --queue mail -- ./send.sh
  queuectl schedule add report '0 8 * * mon-fri' --expect 4d --timeout 10m -- ./report.sh
  queuectl schedule add --replace sweep @hourly --spread 10m 'find /tmp/x -mtime +7 -delete'
"""
)

EDIT = (
    """\
Change a schedule: what is given is new, the rest stays.

Usage:
  queuectl schedule edit [options] [--env KV]... [--tag T]... [--inherit-env GLOB]...
                         <name> [--] [<word>...]

Options:
  --when WHEN           when it comes due, as for `queuectl schedule add`
"""
    + _RULES
    + _JOB_OPTIONS
    + """\

Examples:
  queuectl schedule edit nightly --when '0 4 * * *'
  queuectl schedule edit nightly --timeout 2h -- ./backup.sh --full
"""
)

LIST = """\
List the schedules: when each comes due next, and how its last job ended.

Usage:
  queuectl schedule list [options]

Examples:
  queuectl schedule list
  queuectl schedule list --json
"""

SHOW = """\
Show all about schedules, with the results of their last 20 jobs.

Usage:
  queuectl schedule show [options] <schedule>...

Examples:
  queuectl schedule show nightly
  queuectl schedule show --json nightly
"""

NEXT = """\
Tell when schedules come due next; of all of them where none is named.

`skipped`: the clocks skip that local time, and it comes right after the gap. `repeated`: they show
it twice; a schedule that names its hours comes at the first.

Usage:
  queuectl schedule next [options] [<schedule>...]

Options:
  --count N        as many times (default: 10)
  --after TIME     from then on (default: now)
  --when WHEN      not of a schedule: of this expression
  --tz ZONE        with --when: by the clocks there (default: yours)

Examples:
  queuectl schedule next --count 5
  queuectl schedule next nightly
  queuectl schedule next --when '30 2 * * *' --tz Europe/Berlin --after 2026-10-24 --count 3
"""

RUN = """\
Make a job of a schedule now, beside its times; also of a paused one.

Usage:
  queuectl schedule run [options] <schedule>

Examples:
  queuectl schedule run nightly
  queuectl schedule run -q nightly
"""

PAUSE = """\
Let schedules make no jobs until they are resumed. Times that pass meanwhile are not made up for.

Usage:
  queuectl schedule pause [options] <schedule>...

Options:
  --reason TEXT    why, for others to read

Examples:
  queuectl schedule pause nightly
  queuectl schedule pause --reason 'the target moves' nightly
"""

RESUME = """\
Let paused schedules make jobs again, from their next time on.

Usage:
  queuectl schedule resume [options] <schedule>...

Examples:
  queuectl schedule resume nightly
  queuectl schedule resume --json nightly
"""

REMOVE = """\
Remove schedules. Their jobs stay.

Usage:
  queuectl schedule rm [options] <schedule>...

Examples:
  queuectl schedule rm nightly
  queuectl schedule rm --quiet nightly
"""

CHECK = """\
Tell what is not well with schedules. Exit code 1: something is.

Looks for late ones, ones that nobody serves, commands and directories that are not there, runs that
take longer than the time between them, and times that a change of the clocks touches.

Usage:
  queuectl schedule check [options] [<schedule>...]

Examples:
  queuectl schedule check
  queuectl schedule check --json nightly
"""

EXPORT = """\
Print schedules as JSON, one a line, to import them elsewhere.

Usage:
  queuectl schedule export [options] [<schedule>...]

Examples:
  queuectl schedule export
  queuectl schedule export > schedules.ndjson
"""

IMPORT = """\
Add the schedules of an export, or the lines of a crontab; all or none. -: from stdin.

Of a crontab each line is named after its program, and what would surprise here is said: a bare
name that cron's PATH does not have, a percent sign, output that is thrown away, runs that may
overlap, MAILTO, a user. /etc/crontab and /etc/cron.d have a user in each line.

Usage:
  queuectl schedule import [options] <file>

Options:
  --crontab             it is a crontab
  --system              of a kind with the user in each line, as /etc/crontab
  --tz ZONE             with --crontab: by the clocks there (default: CRON_TZ, else yours)
  --overlap WHAT        with --crontab: skip (default), queue, replace, allow (as cron does)
  --catch-up WHAT       with --crontab: none (default: as cron does), last, all, all:6h
  --on-conflict WHAT    when the name is taken: error (default), skip, replace
  --dry-run             show what would be added, and add nothing

Examples:
  queuectl schedule import schedules.ndjson
  queuectl schedule import --crontab --dry-run /etc/crontab
  queuectl schedule import --on-conflict replace -
"""

TEXTS = {
    "schedule add": ADD,
    "schedule edit": EDIT,
    "schedule list": LIST,
    "schedule show": SHOW,
    "schedule next": NEXT,
    "schedule run": RUN,
    "schedule pause": PAUSE,
    "schedule resume": RESUME,
    "schedule rm": REMOVE,
    "schedule check": CHECK,
    "schedule export": EXPORT,
    "schedule import": IMPORT,
}
