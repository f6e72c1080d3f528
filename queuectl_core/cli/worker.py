"""`queuectl worker`: start, stop, health, list; and `up`, a worker with the dashboard."""

from __future__ import annotations

import os
import signal

from queuectl_core.cli import output
from queuectl_core.cli.table import Table
from queuectl_core.cli.text import when
from queuectl_core.durations import format_duration
from queuectl_core.errors import NoWorker, QueuectlError, UsageError
from queuectl_core.job import check_name, check_queue
from queuectl_core.services import workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.services.workers import Health
    from queuectl_core.storage.records import WorkerRow
    from queuectl_core.worker.plan import Order

MOST_THREADS = 1000
MOST_JOBS = 1_000_000_000
MARGIN_MS = 5_000
USUAL_WEB = "127.0.0.1:5000"
_COLUMNS = ("ID", "STATE", "PID", "BUSY", "QUEUES", "UPTIME", "HEARTBEAT", "HOST", "RUNNING")
_SPARE = ("HOST", "UPTIME", "PID", "HEARTBEAT")


def start(session: Session, args: Args) -> int:
    """Run jobs until a signal comes, here or in the background; return the exit code.

    With a dashboard beside, where that is asked for.
    """
    where = args.text("--web")
    if args.flag("--detach"):
        if where is not None:
            raise UsageError(
                "--web and --detach do not go together", hint="queuectl web, beside the worker"
            )
        return _detach(session, args)
    if where is not None:
        return _work_with_web(session, args, where)
    from queuectl_core.worker import frozen  # noqa: PLC0415 - no other verb needs it

    return _work(session, args, frozen.parent())


def up(session: Session, args: Args) -> int:
    """Run jobs and the dashboard until a signal comes."""
    return _work_with_web(session, args, args.text("--web") or USUAL_WEB)


def _work(session: Session, args: Args, parent: int) -> int:
    """Return the exit code of the supervisor, which stops when the process `parent` dies."""
    order = _order(args)
    from queuectl_core.worker import supervisor  # noqa: PLC0415 - no other verb needs it

    return supervisor.run(
        home=session.home,
        db_path=session.db_path,
        settings=session.settings,
        order=order,
        parent=parent,
    )


def _order(args: Args) -> Order:
    from queuectl_core.worker.plan import Order  # noqa: PLC0415 - no other verb needs it

    at_most: dict[str, int] = {}
    queues = dict.fromkeys(_queue(word, at_most) for word in args.words("--queue"))
    name = args.text("--name")
    return Order(
        args.whole("--count", 1, low=1, high=MOST_THREADS),
        tuple(queues) or None,
        args.flag("--drain"),
        at_most or None,
        args.whole("--max-jobs", 0, low=1, high=MOST_JOBS) or None,
        None if name is None else check_name("name", name),
    )


def _queue(word: str, at_most: dict[str, int]) -> str:
    """Return the queue that `Q` or `Q=N` names; note how many threads may run its jobs."""
    queue, equals, digits = word.partition("=")
    if equals:
        if not (digits.isascii() and digits.isdigit() and 1 <= int(digits[:9]) <= MOST_THREADS):
            raise UsageError(
                f"--queue {word[:60]}: after = comes a number from 1 to {MOST_THREADS}",
                hint="at most so many of this worker's threads run jobs of that queue",
            )
        at_most[queue] = int(digits)
    return check_queue(queue)


def _detach(session: Session, args: Args) -> int:
    """Start a worker in the background and tell of it once it works."""
    from queuectl_core.worker import detached  # noqa: PLC0415 - socket: 3 ms

    store = session.store  # what is wrong with home or queue is told here
    os.makedirs(session.logs_dir, mode=0o700, exist_ok=True)
    log = os.path.join(session.logs_dir, "detached.log")
    pid = detached.start(_as_words(session, args), log)
    for row in store.workers():
        if row.alive and row.supervisor_pid == pid:
            _tell_started(session, row)
    return 0


def _as_words(session: Session, args: Args) -> list[str]:
    """Return the command line of a worker in the foreground, independent of our directory."""
    words = ["worker", "start", "--home", session.home.path, "--db", session.db_path]
    for option in ("--count", "--max-jobs", "--name"):
        if (text := args.text(option)) is not None:
            words += [option, text]
    for queue in args.words("--queue"):
        words += ["--queue", queue]
    return [*words, "--drain"] if args.flag("--drain") else words


def _tell_started(session: Session, row: WorkerRow) -> None:
    if session.out.as_json:
        session.out.record({"id": row.id, "pid": row.supervisor_pid, "state": "ok"})
    elif session.out.quiet:
        session.out.line(str(row.id))
    else:
        session.out.line(f"Worker {row.id} runs in the background (pid {row.supervisor_pid})")
        session.out.note(
            f"its log: {session.logs_dir}/worker-{row.id}.log; it ends with: queuectl worker stop"
        )


def _work_with_web(session: Session, args: Args, where: str) -> int:
    """Open the door of the dashboard first: what is wrong with it is said before a job runs."""
    from queuectl_core.cli import web  # noqa: PLC0415 - bottle, waitress: not for a bare worker
    from queuectl_core.worker import frozen, tandem  # noqa: PLC0415 - as above

    _order(args)  # what is wrong with it is said before anything else
    serve = web.beside(session, where)
    session.close()  # a connection must not cross a fork (https://sqlite.org/faq.html, 6)
    output.flush()
    frozen.end_with_loader()
    parent = os.getpid()
    return tandem.run(
        lambda: _guarded(lambda: _work(session, args, parent)),
        lambda deaths: _guarded(lambda: serve(deaths)),
        session.clock,
    )


def _guarded(live: Callable[[], int]) -> int:
    """Return the exit code of a process; its error is told in here, nobody else will."""
    try:
        return live()
    except QueuectlError as error:
        output.failure(error)
        return error.exit_code


def stop(session: Session, args: Args) -> int:
    """Tell the workers of this host to stop and wait until they are gone."""
    settings, timeout_ms = session.settings, args.span_ms("--timeout")
    usual_ms = int((settings.stop_timeout + settings.kill_grace) * 1000) + MARGIN_MS
    found = workers.stop(
        session.looking,
        clock=session.clock,
        timeout_ms=usual_ms if timeout_ms is None else timeout_ms,
        signal_number=signal.SIGQUIT if args.flag("--now") else signal.SIGTERM,
    )
    now_ms = session.clock.now_ms()
    for row in found.gone:
        _tell_stopped(session, row, now_ms)
    for row in found.left:
        jobs = ", ".join(job.name for job in row.running) or "none"
        name = f"worker {row.id} (pid {row.supervisor_pid})"
        session.out.note(f"queuectl: {name} is not gone yet; its jobs: {jobs}")
    if found.left:
        session.out.note("hint: wait longer, or queuectl worker stop --now")
    for row in found.elsewhere:
        session.out.note(f"queuectl: worker {row.id} runs on {row.host}; stop it there")
    return 1 if found.left else 0


def _tell_stopped(session: Session, row: WorkerRow, now_ms: int) -> None:
    if session.out.as_json:
        session.out.record({"id": row.id, "pid": row.supervisor_pid, "state": "stopped"})
    elif not session.out.quiet:
        uptime = format_duration(max(0, now_ms - row.started_at_ms))
        session.out.line(f"Stopped worker {row.id} (pid {row.supervisor_pid}, up {uptime})")


def health(session: Session, args: Args) -> int:
    """Print how the workers do; 0: all well, 3: none runs, 1: one is not well."""
    max_age_ms = args.span_ms("--max-age")
    known = workers.health(
        session.looking,
        now_ms=session.clock.now_ms(),
        max_silent_ms=workers.SILENT_MS if max_age_ms is None else max_age_ms,
    )
    found = [row for row in known if row.worker.takes_jobs]
    if not found:
        raise NoWorker
    _print(session, found)
    return 0 if all(row.state in {"ok", "stopping"} for row in found) else 1


def list_workers(session: Session, _args: Args) -> int:
    """Print the workers."""
    found = workers.health(session.looking, now_ms=session.clock.now_ms())
    if found:
        _print(session, found)
    else:
        session.out.note("no workers")
    return 0


def _print(session: Session, found: list[Health]) -> None:
    if session.out.as_json:
        for row in found:
            session.out.record(workers.record(row))
    else:
        Table(session.out, *_COLUMNS, spare=_SPARE).rows([_row(session, row) for row in found])


def _row(session: Session, found: Health) -> list[str]:
    worker = found.worker
    return [
        str(worker.id) if worker.name is None else f"{worker.id} ({worker.name})",
        found.state,
        str(worker.supervisor_pid),
        f"{worker.busy}/{worker.threads}",
        "all" if worker.queues is None else ",".join(worker.queues),
        format_duration(found.uptime_ms),
        when(session, worker.seen_at_ms),
        worker.host,
        " ".join(job.name for job in worker.running),
    ]


COMMANDS: Mapping[str, Command] = {
    "worker start": start,
    "up": up,
    "worker stop": stop,
    "worker health": health,
    "worker list": list_workers,
}
