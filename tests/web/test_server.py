"""The server as a process: where it listens, whom it refuses, how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import apsw
import pytest

from queuectl_core.web.security import HEADERS
from queuectl_core.web.server import ARRIVAL_MS, SlowSenders

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE_S = 30


@pytest.fixture
def environment(tmp_path):
    """The variables of a process whose home is the test's own."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("QUEUECTL_")}
    return {**kept, "QUEUECTL_HOME": str(tmp_path / "queue"), "HOME": str(tmp_path)}


@pytest.fixture
def run(environment):
    """Run a command to its end."""

    def run(*words):
        return subprocess.run(
            [sys.executable, str(ROOT / "queuectl.py"), *words],
            env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def start(environment):
    """Start a dashboard; return the process and what it said."""
    begun = []

    def start(*words, verb="web"):
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "queuectl.py"), verb, "--json", *words],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        begun.append(process)
        return process, json.loads(process.stdout.readline())

    yield start
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=DEADLINE_S)


def connect(said) -> HTTPConnection:
    host, _, port = said["url"].removeprefix("http://").rpartition(":")
    return HTTPConnection(host, int(port), timeout=DEADLINE_S)


def get(said, path, **headers):
    connection = connect(said)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def stop(process, number=signal.SIGTERM):
    process.send_signal(number)
    process.wait(DEADLINE_S)
    return process.returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_dashboard_answers_and_ends_in_good_order(start, number):
    process, said = start("--port", "0")

    response, body = get(said, "/healthz")

    assert (response.status, body) == (200, b"ok\n")
    assert response.getheader("Server") is None
    assert said["pid"] == process.pid
    assert stop(process, number) == 0


def test_the_link_it_prints_lets_in(start):
    _, said = start("--port", "0")

    response, _ = get(said, said["login"].removeprefix(said["url"]))
    cookie = response.getheader("Set-Cookie").partition(";")[0]

    assert response.status == 303
    assert get(said, "/api/v1/stats", Cookie=cookie)[0].status == 200


def test_a_request_under_way_is_finished_on_stop(start, run, environment):
    secret = run("-q", "web", "token", "add", "ann", "--role", "admin").stdout.strip()
    process, said = start("--port", "0", "--access-log")
    other = apsw.Connection(os.path.join(environment["QUEUECTL_HOME"], "queue.db"))
    other.execute("BEGIN IMMEDIATE")
    connection = connect(said)
    connection.request(
        "POST", "/api/v1/jobs", b'{"command": "true"}',
        {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )  # fmt: skip
    get(said, "/healthz")  # by now the request before has been read
    process.send_signal(signal.SIGTERM)
    other.execute("ROLLBACK")

    response = connection.getresponse()

    assert response.status == 201
    assert json.loads(response.read())["number"] == 1
    connection.close()
    other.close()
    assert process.wait(DEADLINE_S) == 0
    assert secret not in process.stderr.read()


def test_an_open_address_needs_a_token_and_never_goes_without_login(run):
    bare = run("web", "--host", "0.0.0.0", "--port", "0")
    free = run("web", "--host", "0.0.0.0", "--port", "0", "--no-auth")

    assert (bare.returncode, free.returncode) == (77, 77)
    assert "web token add" in bare.stderr
    assert "run commands as you" in free.stderr


def test_an_open_address_with_a_token_says_that_tls_is_missing(start, run):
    run("web", "token", "add", "ann")
    process, said = start("--host", "0.0.0.0", "--port", "0")

    assert get(said, "/healthz", Host="10.1.2.3")[0].status == 200
    assert get(said, "/healthz", Host="evil.example")[0].status == 421
    stop(process)
    assert "without TLS" in process.stderr.read()


def test_a_unix_socket_is_for_its_owner_alone_and_goes_with_the_server(start, tmp_path, run):
    path = tmp_path / "web.sock"
    process, _ = start("--socket", str(path))

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(path))
        client.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = client.recv(4096)

    assert answer.startswith(b"HTTP/1.0 200")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run("web", "--socket", str(path)).returncode == 69
    assert run("web", "--socket", str(path), "--healthcheck").returncode == 0
    assert stop(process) == 0
    assert not path.exists()


def test_the_socket_of_a_dead_server_is_replaced_but_no_other_file(start, tmp_path, run):
    path = tmp_path / "web.sock"
    process, _ = start("--socket", str(path))
    process.kill()
    process.wait(DEADLINE_S)
    assert path.exists()

    again, _ = start("--socket", str(path))

    assert stop(again) == 0
    path.write_text("mine")
    assert run("web", "--socket", str(path)).returncode == 64
    assert path.read_text() == "mine"


def test_a_taken_port_is_told_with_what_to_do(start, run):
    _, said = start("--port", "0")
    port = said["url"].rpartition(":")[2]

    refused = run("web", "--port", port)

    assert refused.returncode == 69
    assert "--port 5001" in refused.stderr


def test_healthcheck_tells_by_its_exit_code(start, run):
    process, said = start("--port", "0")
    port = said["url"].rpartition(":")[2]

    assert run("web", "--port", port, "--healthcheck").returncode == 0
    stop(process)
    assert run("web", "--port", port, "--healthcheck").returncode == 69


def test_large_heads_and_bodies_are_refused_by_the_server(start):
    _, said = start("--port", "0")

    response, _ = get(said, "/healthz", X="y" * 40_000)
    assert response.status == 431
    assert set(HEADERS) <= set(response.getheaders())
    connection = connect(said)
    connection.putrequest("POST", "/login")
    connection.putheader("Content-Length", str(50 << 20))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


class Sender:
    """A connection on which a request comes in."""

    def __init__(self, request):
        self.request = request
        self.will_close = False


def test_who_does_not_get_a_request_across_in_time_is_cut_off(clock):
    slow, idle, fresh = Sender(object()), Sender(None), Sender(object())
    watch = SlowSenders(clock)

    watch.close([slow, idle])
    clock.advance(ARRIVAL_MS - 1)
    watch.close([slow, idle, fresh])
    assert not slow.will_close
    clock.advance(1)
    watch.close([slow, idle, fresh])

    assert [one.will_close for one in (slow, idle, fresh)] == [True, False, False]


@pytest.mark.parametrize(
    ("options", "secure"),
    [
        ((), False),
        (("--trusted-proxy", "127.0.0.1"), True),
        (("--trusted-proxy", "10.0.0.1"), False),
    ],
)
def test_only_a_trusted_proxy_says_that_the_client_came_by_https(start, options, secure):
    _, said = start("--port", "0", *options)
    link = said["login"].removeprefix(said["url"])

    told = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "9.9.9.9"}
    response, _ = get(said, link, **told)

    assert ("Secure" in response.getheader("Set-Cookie")) is secure


def test_a_trusted_proxy_is_an_address(run):
    done = run("web", "--trusted-proxy", "proxy.example.org")

    assert done.returncode == 64
    assert "takes an address" in done.stderr
    assert run("web", "--trusted-proxy", "socket").returncode == 64


def test_who_waits_for_events_is_answered_on_stop(start, run):
    secret = run("-q", "web", "token", "add", "ann", "--role", "read").stdout.strip()
    process, said = start("--port", "0")
    connection = connect(said)
    token = {"Authorization": f"Bearer {secret}"}
    connection.request("GET", "/api/v1/events?after=0&wait=20", headers=token)
    assert get(said, "/healthz")[0].status == 200  # came after it, and is answered meanwhile

    process.send_signal(signal.SIGTERM)

    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["items"]) == (200, [])
    assert process.wait(DEADLINE_S) == 0
    connection.close()
