"""Usage texts of the verbs on the dashboard."""

from __future__ import annotations

WEB = """\
Serve the dashboard and the API to browsers and programs, in the foreground.

Prints a link that logs you in, once. Others log in with a token: queuectl help web token. Any
address but this machine's own is refused until there is a token; TLS is a proxy's job.

Usage:
  queuectl web [options] [--allow-host NAME]...

Options:
  --host HOST          address to listen on (default: 127.0.0.1)
  --port PORT          port to listen on; 0: any that is free (default: 5000)
  --debug              tell more in the log
  --socket PATH        listen on a unix socket instead, for you alone (0600)
  --base-path PATH     answer below that path, as in /queue, behind a proxy
  --allow-host NAME    also answer to that name, as a proxy passes it on; may come several times
  --trusted-proxy ADDR  believe that proxy's X-Forwarded-For and -Proto; with --socket: socket
  --read-only          let nobody change anything
  --no-auth            let everybody on this machine in; never on another address
  --access-log         tell of each request
  --healthcheck        ask the dashboard there whether it is ready; exit code 0: it is

Examples:
  queuectl web
  queuectl web --host 0.0.0.0 --port 8080
  queuectl web --debug
  queuectl web --socket ~/.queuectl/web.sock --base-path /queue --allow-host jobs.example.org
  queuectl web --port 8080 --healthcheck
"""

ADD = """\
Make a token for the dashboard and the API. It is printed once, as the last word.

Roles: read looks; operate acts on jobs and queues too; admin also adds and edits jobs, which is to
run commands as the worker's user, and makes tokens.

Usage:
  queuectl web token add [options] <name>

Options:
  --role ROLE    read, operate or admin (default: read)

Examples:
  queuectl web token add grafana
  queuectl web token add deploy --role admin
"""

LIST = """\
List the tokens: name, role, when it was made and last used.

Usage:
  queuectl web token list [options]

Examples:
  queuectl web token list
  queuectl web token list --json
"""

REMOVE = """\
Take a token back; who has logged in with it is out at once.

Usage:
  queuectl web token rm [options] <name>

Examples:
  queuectl web token rm grafana
  queuectl web token rm --quiet deploy
"""

UP = """\
Run jobs and serve the dashboard, in one tree of processes, in the foreground.

Ctrl+C lets running jobs end first. A dashboard that dies is started again; when the worker ends,
the dashboard does.

Usage:
  queuectl up [options] [--queue Q]...

Options:
  --count N        run N jobs at the same time (default: 1)
  --queue Q        only jobs of this queue; may come several times; Q=N: at most N at a time
  --drain          end when there is nothing left to do
  --max-jobs N     end after N jobs
  --name NAME      what `worker list` calls the worker besides its number
  --web ADDRESS    where the dashboard is, HOST:PORT (default: 127.0.0.1:5000)

Examples:
  queuectl up
  queuectl up --count 4 --web 127.0.0.1:8080
"""

TEXTS = {
    "up": UP,
    "web": WEB,
    "web token add": ADD,
    "web token list": LIST,
    "web token rm": REMOVE,
}
