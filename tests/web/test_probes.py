"""What probes and Prometheus ask."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from queuectl_core.services.workers import SILENT_MS
from tests.builders import new_job, new_worker


def test_probes_need_no_login_and_tell_nothing(browser):
    for path in ("/healthz", "/readyz"):
        assert browser.get(path).body == b"ok\n"


def test_a_probe_of_the_worker_wants_one_that_responds(browser, store, clock):
    assert browser.get("/livez/worker").status == 503

    store.register(new_worker(), now_ms=clock.now_ms())
    assert browser.get("/livez/worker").status == 200

    clock.advance(SILENT_MS + 1)
    assert browser.get("/livez/worker").status == 503


def test_ready_is_who_can_write_within_a_second(make_context, browser, clock, monkeypatch):
    store = browser.app.context.store()
    monkeypatch.setattr(type(store), "counts", lambda _: clock.advance(1_000))

    response = browser.get("/readyz")

    assert (response.status, response.header("Retry-After")) == (503, "2")


def test_prometheus_scrapes_with_a_token(browser, client, store, clock):
    store.enqueue([new_job(queue="mail")], now_ms=clock.now_ms())

    text = client("read").get("/metrics").text

    assert browser.get("/metrics").status == 401
    samples = {
        (sample.name, sample.labels.get("queue"), sample.labels.get("state")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["queuectl_jobs", "mail", "pending"] == 1


def test_requests_are_counted_by_kind_method_and_status(browser, client):
    program = client("read")
    for path in ("/jobs", "/metrics-ui", "/api/v1/jobs", "/api/v1/jobs/none", "/healthz", "/none"):
        program.get(path)
    program.send("BREW", "/jobs")
    browser.get("/jobs")

    text = program.get("/metrics").text

    found = {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "queuectl_http_requests_total"
    }
    assert found == {
        ("page", "GET", "200"): 2, ("page", "GET", "404"): 1, ("page", "GET", "303"): 1,
        ("page", "other", "405"): 1, ("api", "GET", "200"): 1, ("api", "GET", "404"): 1,
        ("probe", "GET", "200"): 1,
    }  # fmt: skip
    assert 'queuectl_http_request_duration_seconds_count{kind="page"} 5' in text


def test_static_files_are_kept_where_their_version_is_asked_for(browser):
    assert "immutable" in browser.get("/static/app.css?v=1").header("Cache-Control")
    assert browser.get("/static/app.css").header("Cache-Control") == "no-cache"
    for name in ("../auth.py", "..%2fauth.py", "none.css", "", "auth.py"):
        assert browser.get(f"/static/{name}").status == 404
