"""The description of the API is held against the routes and against what they answer."""

from __future__ import annotations

import re
import signal
import subprocess

import pytest

from queuectl_core import machine
from queuectl_core.flow import After, Flow, Mutex
from queuectl_core.hook import NewHook
from queuectl_core.web import api, openapi
from queuectl_core.web.app import make_app
from queuectl_core.web.openapi_schemas import SCHEMAS
from tests import halves
from tests.builders import buried, new_job, new_worker

KINDS = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


def fits(value, schema, where="answer"):
    """Assert that a value is what a schema says; knows the words that ours use, and no other."""
    if "$ref" in schema:
        fits(value, SCHEMAS[schema["$ref"].rpartition("/")[2]], where)
        return
    if "anyOf" in schema:
        assert any(does_fit(value, one, where) for one in schema["anyOf"]), (where, value)
        return
    known = {
        "type", "minLength", "properties", "required", "items", "enum", "pattern", "format",
        "minItems", "additionalProperties", "minimum", "maximum", "maxItems", "minProperties",
    }  # fmt: skip
    assert set(schema) <= known, schema
    kinds = schema.get("type", [])
    names = [kinds] if isinstance(kinds, str) else kinds
    assert not names or isinstance(value, tuple(KINDS[name] for name in names)), (where, value)
    assert value in schema.get("enum", [value]), (where, value)
    match value:
        case str():
            assert re.search(schema.get("pattern", ""), value), (where, value)
        case dict():
            fields_fit(value, schema, where)
        case list():
            for place, one in enumerate(value):
                fits(one, schema.get("items", {}), f"{where}[{place}]")


def fields_fit(value, schema, where):
    missing = set(schema.get("required", ())) - set(value)
    assert not missing, (where, missing)
    for name, one in schema.get("properties", {}).items():
        if name in value:
            fits(value[name], one, f"{where}.{name}")


def does_fit(value, schema, where) -> bool:
    try:
        fits(value, schema, where)
    except AssertionError:
        return False
    return True


def test_every_route_is_described_and_nothing_else():
    assert sorted(openapi.key_of(route) for route in api.ROUTES) == sorted(openapi.OPERATIONS)


def test_every_reference_leads_somewhere():
    document = openapi.document(api.ROUTES, base_path="")

    names = set(re.findall(r"#/components/schemas/(\w+)", repr(document)))

    assert names <= set(SCHEMAS)


def test_every_operation_has_a_name_of_its_own():
    document = openapi.document(api.ROUTES, base_path="/queue")
    names = [one["operationId"] for path in document["paths"].values() for one in path.values()]

    assert len(names) == len(set(names)) == len(api.ROUTES)
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "/queue/api/v1"}]


def test_read_only_describes_what_can_be_read(client, make_context):
    program = client("read", make_app(make_context(read_only=True)))

    paths = program.get("/api/v1/openapi.json").json["paths"]

    assert {method for path in paths.values() for method in path} == {"get"}


@pytest.fixture
def program(client, store, clock, open_queue, victim):
    """An admin's program, and a queue in which there is one of everything."""
    store.register(new_worker(queues=("mail",)), now_ms=clock.now_ms())
    other = open_queue()
    here = new_worker(host=machine.host(), pid_space=machine.pid_space(), supervisor_pid=victim.pid)
    assert other.register(here, now_ms=clock.now_ms()) == 2
    store.enqueue([new_job(queue="mail", env={"A": "b"}, tags=("x",))], now_ms=clock.now_ms())
    (claim,) = halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
    halves.finish(store, [buried(claim)], now_ms=clock.now_ms())
    store.enqueue([new_job(id="waits", argv=("a", "b c"))], now_ms=clock.now_ms())
    after = Flow(after=(After("waits"),), mutex=Mutex("db"), hold=True)
    store.enqueue([new_job(id="held", flow=after)], now_ms=clock.now_ms())
    store.pause("mail", by="ann", reason=None, now_ms=clock.now_ms())
    alarm = NewHook("dead", new_job(), name="alarm")
    store.hooks().add(alarm, by="ann", now_ms=clock.now_ms())
    yield client("admin")
    other.close()


@pytest.fixture
def victim():
    """A process that may be told to stop."""
    with subprocess.Popen(["sleep", "100"]) as process:
        yield process
        process.kill()


BODIES = {
    "POST /jobs": {"command": "true"},
    "PATCH /jobs/{id}": {"priority": 9},
    "POST /queues/{name}/pause": {"reason": "x"},
    "POST /hooks": {"event": "dead", "command": "true", "env": {"A": "b"}, "every": "10m"},
    "POST /tokens": {"name": "new", "role": "read"},
    "POST /operations": {"action": "retry", "filter": {"state": "dead"}},
}
WAITING = ("PATCH", "POST /jobs/{id}/cancel", "POST /jobs/{id}/hold")
NAMES = {"/jobs/": "1", "/queues/": "mail", "/tokens/": "admin", "/hooks/": "alarm"}


def url_of(key, program) -> str:
    path = key.partition(" ")[2]
    if path.startswith("/operations/"):
        wish = {"action": "retry", "filter": {"state": "dead"}}
        begun = program.send_json("POST", "/api/v1/operations", wish).json
        program.app.context.operations.wait(begun["id"])
        return "/api/v1" + path.replace("{id}", begun["id"])
    if path.startswith("/workers/"):
        return "/api/v1" + path.replace("{id}", "2")
    name = next((name for prefix, name in NAMES.items() if path.startswith(prefix)), "")
    job = "waits" if key.startswith(WAITING) else "held" if "release" in key else name
    return "/api/v1" + path.replace("{id}", job).replace("{name}", name).replace("{attempt}", "1")


@pytest.mark.parametrize("key", openapi.OPERATIONS)
def test_every_answer_is_as_described(program, key):
    operation, method = openapi.OPERATIONS[key], key.partition(" ")[0]

    response = program.send_json(
        method, url_of(key, program), BODIES.get(key, {}), Accept="application/json"
    )

    assert response.status == operation.status, response
    if operation.gives is None:
        assert response.body == b""
    else:
        fits(response.json, operation.gives)


@pytest.mark.parametrize("key", openapi.OPERATIONS)
def test_every_refusal_is_a_problem(browser, key):
    response = browser.send_json(key.partition(" ")[0], url_of_unknown(key), {})

    assert response.header("Content-Type") == "application/problem+json"
    fits(response.json, SCHEMAS["Problem"])


def url_of_unknown(key) -> str:
    return "/api/v1" + re.sub(r"{\w+}", "1", key.partition(" ")[2])


def test_a_worker_of_this_host_is_told_to_stop_and_no_other(program, victim):
    assert program.send("POST", "/api/v1/workers/1/stop").status == 409
    assert program.send("POST", "/api/v1/workers/9/stop").status == 404
    assert program.send("POST", "/api/v1/workers/x/stop").status == 404
    assert program.send("POST", "/api/v1/workers/2/stop").status == 202
    assert victim.wait(30) == -signal.SIGTERM
