"""Usage texts of `queuectl queue ...`. docopt parses them, tests run them."""

from __future__ import annotations

QUEUE_LIST = """\
List the queues: how many of their jobs wait and run, their limits, and why none may start now.

Usage:
  queuectl queue list [options]

WAITS says why no job of a queue may start: paused, concurrency (as many run as may), rate (until
the moment that is named with it), or draining: its jobs start, but no new ones come in.

Examples:
  queuectl queue list
  queuectl queue list --json
"""

QUEUE_SET = """\
Limit a queue, for all workers of the home together; `none` takes a limit away.

Usage:
  queuectl queue set [options] <queue>

Options:
  --concurrency N    at most N of its jobs run at once
  --rate N/PERIOD    at most N start in any such period: 10/m, 5/s, 100/h, 1000/d, 30/15m
  --max-pending N    take no more than N pending jobs; enqueue exits with 75 then

A limit holds from now on and over restarts; what runs goes on, what waits stays. Of a rate each
start takes a token that comes back a period later: N may start at once after a rest, but in no
period do more than N. Retries count, and starts that a worker gave back. What may come into a full
queue: retries, `retry`, `dlq retry`, and `import`. The number of pending jobs is that of queue
list: also those that are held, or wait for their time or for other jobs.

`queuectl run` is refused with exit code 75 where its queue has no place or no token for it.
To limit one worker alone: queuectl worker start --queue Q=N.

Examples:
  queuectl queue set mail --concurrency 2
  queuectl queue set mail --rate 10/m --max-pending 1000
  queuectl queue set mail --rate none
"""

QUEUE_PAUSE = """\
Let no job of a queue start any more. What runs goes on. As queuectl pause.

Usage:
  queuectl queue pause [options] <queue>

Options:
  --reason TEXT    why, for those who see it in status

Examples:
  queuectl queue pause mail
  queuectl queue pause mail --reason 'smtp is down'
"""

QUEUE_RESUME = """\
Let jobs of a queue start again that was paused, and come in again where it was drained. As queuectl
resume.

Usage:
  queuectl queue resume [options] <queue>

Examples:
  queuectl queue resume mail
  queuectl queue resume reports --json
"""

QUEUE_DRAIN = """\
Let no new job into a queue, and wait until those that are there have ended.

Usage:
  queuectl queue drain [options] <queue>

Options:
  --timeout SPAN    wait no longer; exit code 124 then. 0: do not wait

From its first moment `enqueue` into the queue exits with 75. Its jobs start, repeat and end as
ever, those that wait for their time or for you included; `retry` and `import` still bring jobs in.
The queue stays closed when it is empty, after a timeout and after Ctrl+C, until:

  queuectl queue resume QUEUE

Examples:
  queuectl queue drain mail
  queuectl queue drain mail --timeout 10m
"""

TEXTS = {
    "queue list": QUEUE_LIST,
    "queue set": QUEUE_SET,
    "queue pause": QUEUE_PAUSE,
    "queue resume": QUEUE_RESUME,
    "queue drain": QUEUE_DRAIN,
}
