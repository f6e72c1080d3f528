"""The dashboard from the frozen executable: it comes up, shows its pages, and ends."""

from __future__ import annotations

import json
import signal
import subprocess
from http.client import HTTPConnection

import pytest

from tests.binary.sandbox import eventually

pytestmark = pytest.mark.binary

PAGES = (
    "/", "/jobs", "/jobs/1", "/queues", "/workers", "/dead", "/metrics-ui", "/events", "/settings",
    "/metrics", "/readyz", "/login", "/static/app.css", "/api/v1/openapi.json",
)  # fmt: skip


@pytest.fixture
def start(sandbox, executable):
    """Start a dashboard; return the process and what it said."""
    begun = []

    def start(*words):
        process = subprocess.Popen(
            [str(executable), *words], env=sandbox.env, stdout=subprocess.PIPE, text=True
        )
        begun.append(process)
        return process, json.loads(process.stdout.readline())

    yield start
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ask(said, path, headers):
    host, _, port = said["url"].removeprefix("http://").rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=30)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def test_every_page_comes_from_the_executable(sandbox, start):
    sandbox.enqueue("true")
    secret = sandbox.ok("-q", "web", "token", "add", "ann", "--role", "admin").out.strip()
    process, said = start("web", "--json", "--port", "0")

    answers = {path: ask(said, path, {"Authorization": f"Bearer {secret}"})[0] for path in PAGES}

    assert answers == dict.fromkeys(PAGES, 200)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_up_runs_jobs_and_pages_and_leaves_nobody_behind(sandbox, start):
    process, said = start("up", "--json", "--web", "127.0.0.1:0")
    sandbox.enqueue("true", "--id", "one")

    assert sandbox.finished("one")["one"]["state"] == "completed"
    assert ask(said, "/livez/worker", {}) == (200, b"ok\n")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    eventually(lambda: not sandbox.processes(), of="no process is left")
