"""The measurements of scripts/bench: ratios to yardsticks that run in the same minutes.

Absolute times of a shared machine mean little; every figure with a goal is a ratio of runs that
took turns. Each is printed as it is: nothing here decides what is good.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from queuectl_core.cli import anatomy, usage  # noqa: E402 - the tree is not installed
from queuectl_core.job import NewJob  # noqa: E402
from queuectl_core.retry import Complete  # noqa: E402
from queuectl_core.run import Ending, Outcome  # noqa: E402 - the tree is not installed
from queuectl_core.services.listing import pages  # noqa: E402
from queuectl_core.storage import open_store  # noqa: E402
from queuectl_core.storage.records import NewWorker, Result  # noqa: E402

QUEUECTL = str(ROOT / "dist" / "queuectl")
HOUR_MS = 3_600_000
MILLION = 1_000_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def say(what: str, figure: str, goal: str = "") -> None:
    print(f"{what:<58} {figure:>26}   {goal}", flush=True)


@contextmanager
def fresh_home() -> Iterator[Path]:
    """Give a home of its own to a measurement, on the disk that TMPDIR names."""
    folder = Path(tempfile.mkdtemp(prefix="queuectl-bench."))
    os.environ["QUEUECTL_HOME"] = str(folder / "home")
    try:
        yield folder / "home"
    finally:
        shutil.rmtree(folder)


def queuectl(*words: str, given: str | None = None) -> str:
    """Run the binary to its end and return what it printed."""
    done = subprocess.run(
        [QUEUECTL, *words], input=given, capture_output=True, text=True, check=True
    )
    return done.stdout


def wall_s(argv: list[str], **options: object) -> float:
    begun = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    return time.perf_counter() - begun


def in_turns(runs: int, *measure: Callable[[], float]) -> list[list[float]]:
    """Take each measurement once per round, so that a slow minute slows them all."""
    rounds = [[take() for take in measure] for _ in range(runs)]
    return [list(column) for column in zip(*rounds, strict=True)]


def spread(values: list[float], unit: float = 1.0) -> str:
    low, middle, high = (f(values) * unit for f in (min, statistics.median, max))
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def ratios(ours: list[float], theirs: list[float]) -> list[float]:
    return [a / b for a, b in zip(ours, theirs, strict=True)]


# --- the parts ---


def cold() -> None:
    """Time whole processes: a cron line is one."""
    with fresh_home():
        queuectl("enqueue", "true")
        forms = {
            "enqueue '{json}'": ["enqueue", '{"command":"true"}'],
            "enqueue -p 9 -- CMD": ["enqueue", "-p", "9", "--", "true"],
            "status": ["status"],
        }
        python = [sys.executable, "-I", "-c", "pass"]
        in_memory = {**os.environ, "TMPDIR": "/dev/shm"}
        columns = in_turns(
            30,
            lambda: wall_s(python),
            *(lambda words=words: wall_s([QUEUECTL, *words]) for words in forms.values()),
            lambda: wall_s([QUEUECTL, "enqueue", '{"command":"true"}'], env=in_memory),
        )
    forms["enqueue '{json}', TMPDIR in memory"] = []
    say("python -I -c pass, ms", spread(columns[0], 1000))
    for form, column in zip(forms, columns[1:], strict=True):
        goal = "goal <= 4.0" if "json" in form else ""
        say(f"cold {form}, ms", spread(column, 1000))
        say(f"cold {form} / python", spread(ratios(column, columns[0])), goal)


def jobs() -> None:
    """Run `sh -c true` with full history at synchronous=FULL, and xargs -P right beside it."""
    count = 2000
    for width in (1, 2, 4):
        pairs = [(_drain(count, width), _xargs(count, width)) for _ in range(5)]
        steady = [count / own[0] for own, _ in pairs]
        theirs = [count / xargs for _, xargs in pairs]
        goal = "goal >= 0.80" if width == 4 else ""
        say(f"jobs/s, {width} threads, first start to last end", spread(steady))
        say(f"  / xargs -P{width}", spread(ratios(steady, theirs)), goal)
        whole = [count / own[1] for own, _ in pairs]
        say("  the same with start-up and stop of the worker", spread(ratios(whole, theirs)))


def _drain(count: int, width: int) -> tuple[float, float]:
    """Return seconds from the first start to the last end, and of the whole worker process."""
    with fresh_home() as home:
        queuectl("enqueue", "--stdin", given="true\n" * count)
        whole = wall_s(
            [QUEUECTL, "worker", "start", "--count", str(width), "--drain"],
            stderr=subprocess.DEVNULL,
        )
        store = open_store(str(home / "queue.db"), now_ms=now_ms())
        done = [job for page in pages(store) for job in page]
        store.close()
    first = min(job.started_at_ms or 0 for job in done)
    last = max(job.finished_at_ms or 0 for job in done)
    return (last - first) / 1000, whole


def _xargs(count: int, width: int) -> float:
    lines = b"true\n" * count
    return wall_s(["xargs", "-P", str(width), "-I{}", "sh", "-c", "{}"], input=lines)


def claim() -> None:
    """Time a finish-and-claim in an empty store, and beside a million jobs that wait."""
    with fresh_home() as empty, fresh_home() as full:
        for home in (empty, full):
            home.mkdir(mode=0o700)
        _fill(full)
        columns = in_turns(5, lambda: _claim_us(empty), lambda: _claim_us(full))
    say("finish + claim, empty store, us", spread(columns[0]))
    say("finish + claim, 1M pending, 90 % in the future, us", spread(columns[1]))
    say("  / empty store", spread(ratios(columns[1], columns[0])), "goal <= 1.2")


def _fill(home: Path) -> None:
    store = open_store(str(home / "queue.db"), now_ms=now_ms())
    begun = time.perf_counter()
    for start in range(0, MILLION, 10_000):
        store.enqueue(
            [_waiting(number) for number in range(start, start + 10_000)], now_ms=now_ms()
        )
    say(
        "store.enqueue, 10,000 a transaction, jobs/s",
        f"{MILLION / (time.perf_counter() - begun):,.0f}",
    )
    store.close()


def _waiting(number: int) -> NewJob:
    future = None if number % 10 == 0 else now_ms() + HOUR_MS + number
    return NewJob("true", None, 3, priority=number % 10 + 1, run_at_ms=future)


def _claim_us(home: Path, count: int = 300) -> float:
    store = open_store(str(home / "queue.db"), now_ms=now_ms())
    worker = store.register(
        NewWorker("bench", "bench", os.getppid(), os.getpid(), 1, None, "bench"), now_ms=now_ms()
    )
    store.enqueue([NewJob("true", None, 3, priority=10)] * (count + 1), now_ms=now_ms())
    _, (held,) = store.finish_and_claim([], worker=worker, limit=1, now_ms=now_ms())
    spans = []
    for _ in range(count):
        result = Result(held, Outcome(Ending.EXIT, exit_code=0), Complete())
        begun = time.perf_counter()
        _, (held,) = store.finish_and_claim([result], worker=worker, limit=1, now_ms=now_ms())
        spans.append((time.perf_counter() - begun) * 1e6)
    last = Result(held, Outcome(Ending.EXIT, exit_code=0), Complete())
    store.finish_and_claim([last], worker=worker, limit=0, now_ms=now_ms())
    store.retire(worker)
    store.close()
    return statistics.median(spans)


def bulk() -> None:
    """Enqueue many lines in one process, all of them on disk at its end."""
    count = 300_000
    forms = {
        "all alike": '{"command":"true","priority":5}\n' * count,
        "all different": "".join(
            f'{{"command":"echo {n}","priority":{n * 7 % 10 + 1}}}\n' for n in range(count)
        ),
    }
    for name, lines in forms.items():
        with fresh_home():
            span = wall_s([QUEUECTL, "enqueue", "--stdin"], input=lines.encode())
            added = json.loads(queuectl("status", "--json"))["pending"]
            rows = json.loads(queuectl("list", "--json", "--limit", "1"))["number"]
        if (added, rows) != (count, count):
            sys.exit(f"bench: {added} jobs counted, the last one is number {rows}, not {count}")
        say(f"enqueue --stdin, {count:,} NDJSON lines, {name}, jobs/s", f"{count / span:,.0f}")


def idle() -> None:
    """Watch a worker of four threads that has nothing to do, all its processes together."""
    seconds = 20
    with worker(4) as (process, home):
        queuectl("enqueue", "true")
        queuectl("wait", "1")
        pids = _tree(process.pid)
        before = sum(map(_cpu_s, pids))
        time.sleep(seconds)
        used = sum(map(_cpu_s, pids)) - before
        memory = sum(map(_pss_mb, pids))
        say(f"idle worker, CPU over {seconds} s, %", f"{100 * used / seconds:.3f}", "goal <= 0.1")
        say("idle worker, PSS of all its processes, MB", f"{memory:.1f}")
        wake = [_wake_ms(home) for _ in range(200)]
        say(
            "commit in another process -> command runs, median ms", f"{statistics.median(wake):.2f}"
        )
        say("  p99, ms", f"{sorted(wake)[-2]:.2f}")


@contextmanager
def worker(threads: int) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run a worker of the frozen binary in a home of its own."""
    with fresh_home() as home:
        process = subprocess.Popen(
            [QUEUECTL, "worker", "start", "--count", str(threads)], stderr=subprocess.DEVNULL
        )
        try:
            yield process, home
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _wake_ms(home: Path) -> float:
    """Enqueue a job that writes into a pipe; return the time from the commit to its first byte."""
    ear, mouth = os.pipe()
    os.close(ear)
    os.close(mouth)
    fifo = home / "fifo"
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    store = open_store(str(home / "queue.db"), now_ms=now_ms())
    ear = os.open(fifo, os.O_RDWR)
    store.enqueue([NewJob(None, ("/bin/sh", "-c", f"echo > {fifo}"), 1)], now_ms=now_ms())
    begun = time.perf_counter()
    os.read(ear, 1)
    span = (time.perf_counter() - begun) * 1000
    os.close(ear)
    store.close()
    return span


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in _tree(int(child)))]


def _cpu_s(pid: int) -> float:
    """Return what a process ran, to the nanosecond; a clock tick is too coarse for an idle one."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def look() -> None:
    """Time what an operator looks at beside a million jobs, beyond the start-up."""
    with fresh_home() as home:
        home.mkdir(mode=0o700)
        version = lambda: wall_s([QUEUECTL, "version"])  # noqa: E731 - a measurement among others
        _fill(home)
        forms = [["status"], ["list", "--limit", "50"], ["show", "500000"]]
        columns = in_turns(15, version, *(lambda f=f: wall_s([QUEUECTL, *f]) for f in forms))
    for form, column in zip(forms, columns[1:], strict=True):
        beyond = [(own - base) * 1000 for own, base in zip(column, columns[0], strict=True)]
        say(f"{' '.join(form)} at 1M jobs, ms beyond `version`", spread(beyond))


def verbs() -> None:
    """Time the cold start of every verb that ends by itself, as a ratio to `status`."""
    runs = 15
    with fresh_home() as home:
        queuectl("enqueue", "--id", "job1", "true")
        lines = {verb: _cheap(verb, home.parent) for verb in usage.VERBS if verb not in SERVING}
        columns = in_turns(
            runs,
            lambda: _ended_s(["status"]),
            *(lambda words=words: _ended_s(words) for words in lines.values()),
        )
    say("cold status, ms", spread(columns[0], 1000))
    for verb, column in zip(lines, columns[1:], strict=True):
        say(f"cold {verb} / status", spread(ratios(column, columns[0])), "goal <= 1.3")


SERVING = ("worker start", "up", "top", "web", "run")
"""Verbs that serve, or wait for a program."""


def _cheap(verb: str, folder: Path) -> list[str]:
    """Return a command line of the verb that does next to nothing, whatever its answer is."""
    words = {
        "enqueue": ["--dry-run", "--", "true", "x"],
        "wait": ["--timeout", "0"],
        "worker stop": ["--timeout", "0"],
        "service install": ["--dry-run"],
        "service uninstall": ["--dry-run"],
        "config set": ["max-retries", "3"],
        "backup": ["--force", str(folder / "copy.db")],
        "restore": [str(folder / "nothing.db")],
    }.get(verb, [])
    stand_ins = {"<id>": "job1", "<key>": "max-retries", "<shell>": "bash"}
    if verb != "config set":  # has its arguments
        words = [
            *words,
            *(stand_ins[name] for name in anatomy.placeholders(verb) if name in stand_ins),
        ]
    return [*verb.split(), *words]


def _ended_s(words: list[str]) -> float:
    """Return how long a command takes, whatever its exit code says."""
    begun = time.perf_counter()
    subprocess.run([QUEUECTL, *words], check=False, capture_output=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - begun


def size() -> None:
    """Weigh the binary."""
    say("binary on disk, MB", f"{os.path.getsize(QUEUECTL) / 1e6:.2f}", "goal <= 15")


PARTS = {part.__name__: part for part in (size, cold, verbs, jobs, claim, bulk, idle, look)}


def main(names: list[str]) -> None:
    """Run the parts that are named, or all."""
    unknown = set(names) - set(PARTS)
    if unknown:
        sys.exit(f"bench: no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    facts = {"cpus": os.cpu_count(), "load": os.getloadavg(), "python": sys.version.split()[0]}
    print(json.dumps(facts))
    for name in names or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
