"""What the description of the API allows, and what it forbids, sent by the hundred.

Never an error of the server, never an answer that is not described (https://schemathesis.io).
"""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from queuectl_core.web import openapi
from tests import halves
from tests.builders import buried, new_job

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
USUAL = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def described(make_browser, token, store, clock):
    """The API as its own description tells it, to an administrator; with a job in some states."""
    store.enqueue([new_job(id="a"), new_job(id="b", queue="mail")], now_ms=clock.now_ms())
    (claim,) = halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
    halves.finish(store, [buried(claim)], now_ms=clock.now_ms())
    secret, app = token("admin"), make_browser().app

    def as_admin(environ, start):
        environ["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
        environ["HTTP_HOST"] = "localhost"
        environ.pop("HTTP_ACCEPT_ENCODING", None)  # werkzeug asks for gzip and can't read it
        return app(environ, start)

    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", as_admin)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=str)
@pytest.mark.parametrize("key", openapi.OPERATIONS)
def test_every_answer_is_described(described, key, mode):
    method, _, path = key.partition(" ")

    @USUAL
    @given(case=described[path][method].as_strategy(generation_mode=mode))
    def check(case):
        case.call_and_validate(checks=CHECKS)

    check()
