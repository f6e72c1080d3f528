"""The dashboard's budgets, measured on the frozen binary: a million jobs, and a writer beside it.

Prints figures beside their goals and judges nothing. Times are of this machine; repeat them on a
quiet one: `scripts/bench-web`, or only some parts: `scripts/bench-web start pages`.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.synchronize import Event

    from playwright.sync_api import Page

    from queuectl_core.run import Claim

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from queuectl_core.job import NewJob  # noqa: E402 - the tree is not installed
from queuectl_core.joblog import STDOUT, JobLogWriter, log_path  # noqa: E402
from queuectl_core.retry import Bury, Complete  # noqa: E402
from queuectl_core.run import Ending, Outcome  # noqa: E402
from queuectl_core.storage import open_store  # noqa: E402
from queuectl_core.storage.records import NewWorker, Result  # noqa: E402

QUEUECTL = os.environ.get("QUEUECTL_BINARY") or str(ROOT / "dist" / "queuectl")
JOBS = int(os.environ.get("BENCH_JOBS", "1000000"))
DAY_MS = 86_400_000
QUEUES = ("mail", "images", "backup", "reports", "default")
PAGES = {
    "/": 25, "/?range=24h": 25, "/?range=30d": 25, "/jobs": 25, "/jobs?state=dead": 25,
    "/jobs?q=queue:mail": 25, "/jobs?q=backup": 250, "/jobs?q=nowhere-to-be-found": 250,
    "/jobs/1000": 25, "/queues": 25, "/workers": 25, "/dead": 25, "/metrics-ui": 25,
    "/metrics-ui?range=24h": 25, "/events": 25, "/settings": 25, "/api/v1/jobs": 25,
    "/api/v1/stats": 5, "/metrics": 25,
}  # fmt: skip
"""What is asked for, and the goal of its p95 in milliseconds."""
ROUNDS = 60
TABS, EVERY_S, TABS_S = 50, 2.0, 40.0
REQUESTS = 10_000
LINES = 5_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def say(what: str, figure: str, goal: str = "") -> None:
    print(f"{what:<44} {figure:>34}   {goal}", flush=True)


# --- a queue with a past ---


def fill(home: Path) -> None:
    """Put JOBS jobs of a day into a queue: two fifths have run, of these some died."""
    rng = random.Random(1)
    store = open_store(str(home / "queue.db"), now_ms=1)
    begun_ms = now_ms() - DAY_MS
    chunk = 5_000
    for place in range(JOBS // chunk):
        jobs = [_some_job(rng) for _ in range(chunk)]
        store.enqueue(jobs, now_ms=begun_ms + place * DAY_MS * chunk // JOBS // 2)
    worker = store.register(_worker(), now_ms=now_ms())
    rounds = JOBS * 2 // 5 // 500
    for place in range(rounds):
        at_ms = begun_ms + DAY_MS // 2 + place * DAY_MS // 2 // rounds
        _, claims = store.finish_and_claim([], worker=worker, limit=500, now_ms=at_ms)
        ends = [_end(claim, rng) for claim in claims]
        store.finish_and_claim(ends, worker=worker, limit=0, now_ms=at_ms + 9_000)
    store.retire(worker)
    store.close()


def _some_job(rng: random.Random) -> NewJob:
    command = f"rsync -a host{rng.randint(1, 999)}:/data /backup/{rng.randint(1, 9**6)}"
    return NewJob(command, None, 1, queue=rng.choice(QUEUES))


def _worker() -> NewWorker:
    return NewWorker("bench", "bench", os.getpid(), os.getpid(), 8, None, "bench")


def _end(claim: Claim, rng: random.Random) -> Result:
    if rng.random() < 0.93:
        return Result(claim, Outcome(Ending.EXIT, 0, duration_ms=rng.randint(5, 9_000)), Complete())
    error = f"connection to host{rng.randint(1, 999)} refused"
    return Result(claim, Outcome(Ending.EXIT, 1, error=error, duration_ms=90), Bury("exit"))


@contextmanager
def queue() -> Iterator[Path]:
    """Give a home with that queue: made once where BENCH_QUEUE names a folder to keep it in."""
    kept = os.environ.get("BENCH_QUEUE")
    folder = Path(tempfile.mkdtemp(prefix="queuectl-bench."))
    home = Path(kept) if kept else folder / "home"
    try:
        if not (home / "queue.db").exists():
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            fill(home)
        yield home
    finally:
        shutil.rmtree(folder)


@contextmanager
def writer(home: Path) -> Iterator[None]:
    """Add, claim and finish ten jobs every 50 ms, in another process."""
    stop = multiprocessing.Event()
    process = multiprocessing.Process(target=_write, args=(str(home / "queue.db"), stop))
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join()


def _write(path: str, stop: Event) -> None:
    rng = random.Random(2)
    store = open_store(path, now_ms=1)
    worker = store.register(_worker(), now_ms=now_ms())
    claims: list[Claim] = []
    while not stop.wait(0.05):
        store.enqueue([_some_job(rng) for _ in range(10)], now_ms=now_ms())
        ends = [_end(claim, rng) for claim in claims]
        _, claims = store.finish_and_claim(ends, worker=worker, limit=10, now_ms=now_ms())
    store.finish_and_claim(
        [_end(claim, rng) for claim in claims], worker=worker, limit=0, now_ms=now_ms()
    )
    store.retire(worker)
    store.close()


# --- the server ---


class Server(NamedTuple):
    """The dashboard, as a process with an address and a token that may read."""

    pid: int
    port: int
    token: str
    url: str


@contextmanager
def dashboard(home: Path) -> Iterator[Server]:
    environ = {**os.environ, "QUEUECTL_HOME": str(home)}
    subprocess.run(
        [QUEUECTL, "web", "token", "rm", "bench"], env=environ, capture_output=True, check=False
    )
    told = subprocess.run(
        [QUEUECTL, "web", "token", "add", "bench", "--role", "admin"],
        env=environ, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    words = [QUEUECTL, "web", "--port", "0", "--json"]
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        url = first["url"].rstrip("/")
        try:
            yield Server(first["pid"], int(url.rpartition(":")[2]), told.split()[-1], url)
        finally:
            process.send_signal(signal.SIGTERM)


class Client:
    """One connection that stays open."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self._headers = {
            "Authorization": f"Bearer {server.token}", "Accept-Encoding": "gzip",
            "X-Fragment": "main",
        }  # fmt: skip

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Ask for a path; return status, headers with lower-case names, and body."""
        self._connection.request("GET", path, headers={**self._headers, **headers})
        answer = self._connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, told, answer.read()


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


# --- the parts ---


def start(home: Path) -> None:
    """Time from the start of the process to its first answer."""
    took = []
    for _ in range(7):
        begun = time.perf_counter()
        with dashboard_bare(home) as url:
            host, port = url.removeprefix("http://").rstrip("/").split(":")
            with closing(http.client.HTTPConnection(host, int(port))) as connection:
                connection.request("GET", "/login")
                connection.getresponse().read()
            took.append(time.perf_counter() - begun)
    say("frozen start to first answer, s", _spread(took), "goal 1")


@contextmanager
def dashboard_bare(home: Path) -> Iterator[str]:
    environ = {**os.environ, "QUEUECTL_HOME": str(home)}
    words = [QUEUECTL, "web", "--port", "0", "--json"]
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.send_signal(signal.SIGTERM)


def pages(home: Path) -> None:
    """Time each page, made anew for each request: what no tab has asked for in the last second.

    Charts are kept for 10 s, dead jobs by cause for 2 s: of those the slowest one was made anew.
    """
    with dashboard(home) as server, writer(home):
        client = Client(server)
        for path, goal in PAGES.items():
            took = sorted(_timed(client, path) for _ in range(ROUNDS if goal < 250 else 15))
            middle, late = statistics.median(took), took[int(len(took) * 0.95)]
            figure = f"p50 {middle:6.1f}  p95 {late:6.1f}  most {took[-1]:6.1f}"
            say(f"{path}, ms", figure, f"goal p95 {goal}")


_round = iter(range(10**9))


def _timed(client: Client, path: str) -> float:
    """Return milliseconds; a word of its own keeps the answer out of the cache of pages."""
    between = "&" if "?" in path else "?"
    begun = time.perf_counter()
    status, _, _ = client.get(f"{path}{between}bench={next(_round)}")
    assert status == 200, (path, status)
    return (time.perf_counter() - begun) * 1_000


def tabs(home: Path) -> None:
    """Let TABS tabs ask every EVERY_S for what they show, while jobs come and end."""
    shown = ["/", "/jobs", "/queues", "/dead", "/jobs?state=dead", "/workers", "/metrics-ui",
             "/events", "/jobs/1000", "/?range=24h"]  # fmt: skip
    for name, paths in (("one page", ["/"]), ("ten pages", shown)):
        with dashboard(home) as server, writer(home):
            stop, counts = threading.Event(), [[0, 0, 0] for _ in range(TABS)]
            crowd = [
                threading.Thread(
                    target=_tab,
                    args=(server, paths[place % len(paths)], place, stop, counts[place]),
                )
                for place in range(TABS)
            ]
            for one in crowd:
                one.start()
            time.sleep(EVERY_S)
            before, begun = cpu_s(server.pid), time.perf_counter()
            time.sleep(TABS_S)
            share = (cpu_s(server.pid) - before) / (time.perf_counter() - begun)
            stop.set()
            for one in crowd:
                one.join()
            asked, unchanged, size = (sum(column) for column in zip(*counts, strict=True))
            figure = f"{share:.1%} of a core, {size / asked / 1024:.1f} kB an answer"
            say(f"{TABS} tabs at {EVERY_S:.0f} s, {name}", figure, "goal 10 %")
            say("  of their answers 304", f"{unchanged / asked:.0%} of {asked}")


def _tab(server: Server, path: str, place: int, stop: threading.Event, count: list[int]) -> None:
    client, tag = Client(server), ""
    stop.wait(place * EVERY_S / TABS)
    while True:
        status, headers, body = client.get(path, **{"If-None-Match": tag})
        tag = headers.get("etag", tag)
        count[0] += 1
        count[1] += status == 304
        count[2] += len(body)
        if stop.wait(EVERY_S):
            return


def memory(home: Path) -> None:
    """Ask for REQUESTS pages of all kinds, eight at a time, then look at the memory."""
    with dashboard(home) as server:
        at_first = rss_mb(server.pid)
        crowd = [threading.Thread(target=_asker, args=(server, place)) for place in range(8)]
        begun = time.perf_counter()
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        took = time.perf_counter() - begun
        say(f"memory after {REQUESTS} requests, MB", f"{rss_mb(server.pid):.0f}", "goal 80")
        say("  at first, MB; requests a second", f"{at_first:.0f}; {REQUESTS / took:.0f}")


def _asker(server: Server, place: int) -> None:
    client = Client(server)
    quick = [path for path, goal in PAGES.items() if goal < 250]
    for number in range(REQUESTS // 8):
        client.get(quick[(place + number) % len(quick)])


def wire(home: Path) -> None:
    """Count the bytes of answers, headers included."""
    with dashboard(home) as server:
        for path in ("/", "/jobs", "/dead", "/metrics-ui"):
            whole, _ = _raw(server, path, "")
            fragment, tag = _raw(server, path, "X-Fragment: main\r\n")
            same, _ = _raw(server, path, f"X-Fragment: main\r\nIf-None-Match: {tag}\r\n")
            figure = f"page {whole}, update {fragment}, unchanged {same}"
            say(f"bytes of {path}", figure, "goal 12,288 an update, 300 unchanged")
        page = Client(server).get("/login", **{"X-Fragment": ""})[2]
        text = (
            page.decode()
            if page[:2] != b"\x1f\x8b"
            else __import__("gzip").decompress(page).decode()
        )
        for name in re.findall(r'/static/[^"]+', text):
            say(f"bytes of {name.partition('?')[0]}", str(_raw(server, name, "")[0]))


def _raw(server: Server, path: str, headers: str) -> tuple[int, str]:
    """Return the bytes that one answer takes on the wire, and its ETag."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        asked = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n{headers}"
        token = f"Authorization: Bearer {server.token}\r\nConnection: close\r\n\r\n"
        connection.sendall((asked + token).encode())
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    tag = re.search(rb"(?i)\netag: ([^\r]+)", answer)
    return len(answer), tag[1].decode() if tag else ""


def browser(home: Path) -> None:
    """Measure in Chromium: the first paint, LINES lines of output at once, the heap of a tab."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - for this part only

    path = shutil.which("chromium")
    with dashboard(home) as server, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = chromium.new_context(bypass_csp=True).new_page()  # to wait by a script
        page.goto(server.url + "/login")
        page.get_by_role("textbox", name="Token").fill(server.token)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(server.url + "/")
        say("first paint, ms", _paint(page, server), "goal 500")
        say(f"{LINES} lines of output appended, ms", _append(page, server, home), "goal 200")
        say("heap of a tab after that, MB", f"{_heap(page):.1f}", "goal 15")
        page.goto(server.url + "/jobs")
        page.wait_for_timeout(60_000)
        say("heap of a tab after 30 updates, MB", f"{_heap(page):.1f}", "goal 15")
        chromium.close()


def _paint(page: Page, server: Server) -> str:
    took = []
    for _ in range(5):
        page.goto(server.url + "/")
        script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
        page.wait_for_function(script)
        took.append(page.evaluate(script))
    return _spread(took, 0)


def _append(page: Page, server: Server, home: Path) -> str:
    """Let a job that runs write LINES lines between two looks, and time the script that adds them.

    The job is claimed by nobody but this measurement.
    """
    store = open_store(str(home / "queue.db"), now_ms=1)
    worker = store.register(_worker(), now_ms=now_ms())
    _, (claim,) = store.finish_and_claim([], worker=worker, limit=1, now_ms=now_ms())
    logs = home / "logs"
    logs.mkdir(exist_ok=True)
    output = log_path(str(logs), claim.job.number, claim.job.starts)
    log = JobLogWriter(output, head_bytes=1 << 22, tail_bytes=1 << 22)
    log.write(STDOUT, b"begun\n", 0)
    page.goto(f"{server.url}/jobs/{claim.job.number}")
    page.evaluate(_WATCH)
    for number in range(LINES):
        log.write(STDOUT, b"\x1b[32mok\x1b[0m line %d of the output\n" % number, 0)
    page.wait_for_function(f"document.querySelectorAll('#output .l').length >= {LINES}")
    page.wait_for_timeout(200)
    longest = page.evaluate("Math.max(0, ...window.benchTasks)")
    log.close()
    ended = Result(claim, Outcome(Ending.EXIT, 0, duration_ms=5), Complete())
    store.finish_and_claim([ended], worker=worker, limit=0, now_ms=now_ms())
    store.retire(worker)
    store.close()
    return f"{longest:.0f}"


_WATCH = """() => {
  window.benchTasks = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.benchTasks.push(entry.duration);
  }).observe({ entryTypes: ["longtask"] });
}"""


def _heap(page: Page) -> float:
    client = page.context.new_cdp_session(page)
    client.send("HeapProfiler.collectGarbage")
    return client.send("Runtime.getHeapUsage")["usedSize"] / 1_048_576


def _spread(values: list[float], digits: int = 2) -> str:
    low, middle, high = (f(values) for f in (min, statistics.median, max))
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


PARTS = {part.__name__: part for part in (start, pages, tabs, memory, wire, browser)}


def main(names: list[str]) -> None:
    with queue() as home:
        for name in names or PARTS:
            PARTS[name](home)


if __name__ == "__main__":
    main(sys.argv[1:])
