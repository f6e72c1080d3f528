"""The dashboard as browser tests know it: how to get in, and what must never be heard from it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from queuectl_core.clock import SystemClock
from queuectl_core.joblog import STDERR, STDOUT, JobLogWriter, log_path
from tests.builders import buried, completed, new_job, new_worker, retried

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import ConsoleMessage, Page, Request

    from queuectl_core.storage.store import Store

PAGES = (
    "/", "/jobs", "/jobs?state=dead", "/jobs?q=colour:red", "/queues", "/workers", "/dead",
    "/metrics-ui", "/metrics-ui?compare=1", "/events", "/operations", "/settings", "/enqueue",
)  # fmt: skip
OUTPUT = (
    b"\x1b[1;34m==>\x1b[0m Building \x1b[1mweb\x1b[0m\n\x1b[32mok\x1b[0m 214 modules\n"
    b"\x1b[33mwarning:\x1b[0m slow disk\n"
)


class Site:
    """Where the dashboard is. `complaints` collects what a browser finds wrong with it."""

    def __init__(self, url: str, login: str, token: str, home: Path) -> None:
        self.url = url
        self.login = login
        self.token = token
        self.home = home
        self.complaints: list[str] = []

    def log_in(self, page: Page) -> None:
        """Log in by the form."""
        page.goto(self.url + "/login")
        page.get_by_role("textbox", name="Token").fill(self.token)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(self.url + "/")

    def watch(self, page: Page) -> None:
        """Hear what goes wrong: errors, refusals of the CSP, requests that leave this host."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # a status that a test asks for, or a network that it takes away, is no fault
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.url).netloc:
            self.complaints.append(f"asked {request.url}")


def filled(store: Store, home: Path) -> dict[str, int]:
    """Put jobs in all states into a queue; return the numbers of some by name."""
    now_ms = SystemClock().now_ms()
    then_ms = now_ms - 600_000
    store.enqueue(
        [new_job(f"./send {n}", queue="mail", tags=("nightly",)) for n in range(30)]
        + [new_job("./convert", queue="images", max_retries=1) for _ in range(4)]
        + [new_job("./later", id="later", run_at_ms=now_ms + 3_600_000), new_job("./on", id="on")]
        + [new_job("./unwanted", id="unwanted", queue="mail")],
        now_ms=then_ms,
    )
    worker = store.register(new_worker(threads=4), now_ms=then_ms)
    _, mail = store.finish_and_claim(
        [], worker=worker, limit=12, now_ms=then_ms + 2_000, queues=["mail"]
    )
    _, dead = store.finish_and_claim(
        [], worker=worker, limit=4, now_ms=then_ms + 2_000, queues=["images"]
    )
    store.finish_and_claim(
        [completed(claim, duration_ms=1_500) for claim in mail[:10]]
        + [retried(mail[10], run_at_ms=now_ms + 900_000)]
        + [buried(claim, error=f"no such file: {n}.png") for n, claim in enumerate(dead[:3])]
        + [buried(dead[3], error="<script>alert(1)</script>")],
        worker=worker, limit=0, now_ms=now_ms - 300_000,
    )  # fmt: skip
    _, (on,) = store.finish_and_claim(
        [], worker=worker, limit=1, now_ms=now_ms - 60_000, queues=["default"]
    )
    store.cancel([37], now_ms=now_ms)
    store.pause("mail", by="ada", reason="new relay", now_ms=now_ms - 100_000)
    write_output(home, dead[0].job.number)
    return {"dead": dead[0].job.number, "on": on.job.number, "failed": mail[10].job.number}


def write_output(home: Path, number: int) -> None:
    """Let the first start of a job have written something."""
    logs_dir = str(home / "logs")
    os.makedirs(logs_dir, exist_ok=True)
    writer = JobLogWriter(log_path(logs_dir, number, 1), head_bytes=1 << 20, tail_bytes=1 << 20)
    writer.write(STDOUT, OUTPUT, 0)
    writer.write(STDERR, b"no such file: 0.png\n", 0)
    writer.close()
