"""What people do with the dashboard: with a mouse, by keys alone, and without scripts."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

from queuectl_core.clock import SystemClock
from queuectl_core.flow import After, Flow
from queuectl_core.lifecycle import State
from tests.browser.test_every_page import violations
from tests.builders import jobs_of, new_job


def ask(page, name: str, **more):
    """Press a button, wherever it is."""
    page.get_by_role("button", name=name, **more).click()


def press(page, *keys: str) -> None:
    """Press keys, once the script hears them."""
    expect(page.locator("html[data-ready]")).to_be_attached()
    for key in keys:
        page.keyboard.press(key)


def test_the_printed_link_logs_in_once(chromium, site):
    first, second = chromium.new_context(), chromium.new_context()
    page = first.new_page()
    page.goto(site.login)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert "code=" not in page.url

    stranger = second.new_page()
    stranger.goto(site.login)

    expect(stranger.get_by_role("heading", name="Log in")).to_be_visible()
    first.close()
    second.close()


def test_a_wrong_token_is_told_and_logging_out_ends_it(open_page, site):
    page = open_page()
    ask(page, "Log out")
    page.goto(site.url + "/jobs")
    page.get_by_role("textbox", name="Token").fill("qctl_wrong")
    ask(page, "Log in")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("textbox", name="Token").fill(site.token)
    ask(page, "Log in")

    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()


def test_filter_and_open_a_job(open_page, site, busy):
    page = open_page("/jobs")
    page.get_by_role("navigation", name="States").get_by_role("link", name="Dead").click()
    expect(page.locator("[data-row]")).to_have_count(4)
    page.get_by_label("Search jobs").fill('error:"no such"')
    press(page, "Enter")
    expect(page.locator("[data-row]")).to_have_count(3)
    assert "state=dead" in page.url

    page.get_by_role("link", name=str(busy["dead"]), exact=True).click()

    expect(page.get_by_role("heading", level=1)).to_have_text(str(busy["dead"]))
    expect(page.locator("#output")).to_contain_text("214 modules")
    expect(page.locator("#output .fg2")).to_have_text("ok")
    page.go_back()
    expect(page.locator("[data-row]")).to_have_count(3)


def test_output_is_followed_until_the_job_ends(open_page, site, store, start, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    command = (
        f'echo first; while read line; do printf "\\033[32m%s\\033[0m\\n" "$line"; done <{gate}'
    )
    (job,) = store.enqueue([new_job(command)], now_ms=SystemClock().now_ms())
    start("worker", "start")
    page = open_page(f"/jobs/{job.number}")
    output = page.locator("#output")
    expect(output).to_contain_text("first")
    with open(gate, "w", encoding="utf-8") as lines:
        lines.write("second\n")
        lines.flush()
        expect(output.locator(".fg2")).to_have_text("second")
        lines.write("third\n")

    expect(output).to_contain_text("third")
    expect(page.locator(".head .badge")).to_have_text("completed")
    assert output.locator(".l").all_inner_texts() == ["first", "second", "third"]


def test_a_group_of_dead_jobs_is_retried(open_page, site, store, busy):
    page = open_page("/dead")
    ask(page, "Retry 3 jobs: no such file: N.png")
    expect(page.get_by_role("heading", name="Retry 3 jobs?")).to_be_visible()

    ask(page, "Retry 3 jobs")

    expect(page.locator(".notice")).to_have_text("3 jobs retried")
    expect(page.locator("[data-row]")).to_have_count(1)
    assert len(jobs_of(store, states=(State.DEAD,))) == 1


def test_a_running_job_is_stopped_after_a_question(open_page, site, store, start):
    (job,) = store.enqueue([new_job("exec sleep 300")], now_ms=SystemClock().now_ms())
    start("worker", "start")
    page = open_page(f"/jobs/{job.number}")
    expect(page.locator(".head .badge")).to_have_text("running")
    ask(page, "Stop")
    leave = page.get_by_role("link", name="Leave it")
    expect(leave).to_be_focused()

    ask(page, "Stop it")

    expect(page.locator(".head .badge")).to_have_text("cancelled")


def test_ticked_jobs_get_a_priority(open_page, site, store, busy):
    page = open_page("/jobs?q=queue:mail+state:pending")
    rows = page.locator("[data-row] input")
    rows.nth(0).click()
    rows.nth(2).click(modifiers=["Shift"])
    expect(page.locator("#bulk-count")).to_have_text("3 selected")
    page.get_by_label("Priority").select_option("9")
    ask(page, "Set priority")

    ask(page, "Set priority 9 for 3 jobs")

    expect(page.locator(".notice")).to_have_text("3 jobs given priority 9")
    assert sum(job.priority == 9 for job in jobs_of(store)) == 3


def test_all_that_is_needed_goes_by_keys(open_page, site, store, busy):
    page = open_page()
    press(page, "g", "j")
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    press(page, "/")
    expect(page.get_by_label("Search jobs")).to_be_focused()
    page.keyboard.type("state:dead")
    press(page, "Enter")
    expect(page.locator("[data-row]")).to_have_count(4)
    press(page, "j", "x", "j", "Shift+X")
    expect(page.locator("#bulk-count")).to_have_text("2 selected")
    press(page, "Escape")
    expect(page.locator("#bulk-bar")).to_be_hidden()
    press(page, "Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("33")
    press(page, "Shift+R")
    expect(page.locator(".head .badge")).to_have_text("pending")
    press(page, "?")
    expect(page.get_by_role("dialog")).to_be_visible()
    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()

    assert store.job_by_number(33).state is State.PENDING


def test_single_keys_can_be_turned_off(open_page, site):
    page = open_page()
    press(page, "?")
    page.get_by_label("Single keys are on").uncheck()
    ask(page, "Close")

    press(page, "g", "j")

    page.wait_for_timeout(300)
    assert page.url == site.url + "/"


def test_a_lost_connection_is_shown_and_comes_back(open_page, site, store):
    page = open_page("/jobs")
    live = page.locator("#live")
    expect(live).to_have_text("Live 2 s")

    page.context.set_offline(True)
    expect(live).to_have_text("Reconnecting")
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    store.enqueue([new_job("./came-meanwhile")], now_ms=SystemClock().now_ms())
    page.context.set_offline(False)

    expect(page.get_by_text("./came-meanwhile")).to_be_visible()
    expect(live).to_have_text("Live 2 s")


def test_fresh_figures_leave_focus_words_and_scroll_alone(open_page, site, store, busy):
    page = open_page("/jobs?n=25", height=500)
    page.get_by_label("Search jobs").fill("half a wo")
    page.mouse.wheel(0, 300)
    page.wait_for_function("scrollY > 100")
    before = page.evaluate("scrollY")
    store.enqueue([new_job("./fresh")], now_ms=SystemClock().now_ms())

    expect(page.get_by_text("./fresh")).to_be_attached()

    expect(page.get_by_label("Search jobs")).to_be_focused()
    expect(page.get_by_label("Search jobs")).to_have_value("half a wo")
    assert abs(page.evaluate("scrollY") - before) < 60


def test_rows_do_not_move_under_somebody_who_marks_them(open_page, site, store, busy):
    page = open_page("/jobs")
    page.locator("[data-row] input").first.check()
    store.enqueue([new_job("./fresh")], now_ms=SystemClock().now_ms())

    expect(page.locator("#new-rows")).to_have_text("1 new job")
    expect(page.get_by_text("./fresh")).not_to_be_attached()
    page.locator("#new-rows").click()

    expect(page.get_by_text("./fresh")).to_be_attached()


def test_updates_pause_and_theme_and_zone_are_remembered(open_page, site):
    page = open_page(color_scheme="light", timezone_id="Asia/Tokyo")
    press(page, ".", ".", ".", "t", "u")
    page.reload()

    expect(page.locator("#live")).to_have_text("Paused")
    expect(page.locator("#zone")).to_have_text("UTC")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 24)"
    press(page, "u")
    expect(page.locator("#zone-name")).to_have_text("UTC+09:00")


def test_a_chart_says_what_is_under_the_pointer(open_page, site, busy):
    page = open_page("/metrics-ui")
    chart = page.locator('[data-chart="throughput"]')
    chart.locator(".canvas").hover(position={"x": 5, "y": 40})

    expect(chart.locator('[data-line="completed"]')).to_have_text("0")
    expect(chart.locator("[data-moment]")).not_to_be_empty()
    chart.get_by_text("as table").click()

    expect(chart.get_by_role("table")).to_be_visible()


def test_commands_are_copied(open_page, site, busy):
    page = open_page(f"/jobs/{busy['dead']}", permissions=["clipboard-read", "clipboard-write"])
    ask(page, "Copy the command")

    expect(page.locator("#say")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "./convert"


def test_everything_works_without_scripts(open_page, site, store, busy):
    page = open_page("/jobs?state=dead", java_script_enabled=False)
    expect(page.locator("#live")).to_be_hidden()
    page.locator("[data-row] input").first.check()
    ask(page, "Retry", exact=True)
    ask(page, "Retry 1 job")
    expect(page.locator(".notice")).to_have_text("1 job retried")
    page.goto(site.url + "/enqueue")
    page.get_by_label("Command").fill("./by-hand")
    ask(page, "Enqueue")
    expect(page.locator(".notice").first).to_contain_text("is enqueued")
    page.goto(site.url + "/queues")
    ask(page, "Resume mail")

    assert jobs_of(store)[0].command == "./by-hand"
    assert store.pauses() == []
    assert len(jobs_of(store, states=(State.DEAD,))) == 3


@pytest.mark.parametrize("path", ["/", "/jobs"])
def test_a_visit_and_an_update_are_small(open_page, site, busy, path):
    page = open_page()
    sizes: dict[str, int] = {}

    def add(response):
        headers = response.request.sizes()
        sizes[response.url] = headers["responseBodySize"] + headers["responseHeadersSize"]

    visitor = page.context.browser.new_context(storage_state=page.context.storage_state())
    fresh = visitor.new_page()
    fresh.on("response", add)
    fresh.goto(site.url + path)
    fresh.wait_for_load_state("networkidle")
    visitor.close()

    assert len(sizes) <= 8
    assert sum(sizes.values()) <= 60_000
    assert sum(size for url, size in sizes.items() if ".js" in url) <= 20_000
    assert sum(size for url, size in sizes.items() if ".css" in url) <= 10_000
    update = page.request.get(site.url + path, headers={"X-Fragment": "main"})
    assert len(update.body()) > 1_000
    again = {"X-Fragment": "main", "If-None-Match": update.headers["etag"]}
    assert page.request.get(site.url + path, headers=again).status == 304


def test_who_waits_for_whom_is_drawn_and_leads_on(open_page, site, store):
    after = Flow(after=(After("load"),))
    jobs = [
        new_job("./load", id="load", flow=Flow(hold=True)),
        new_job("./mail", id="mail", flow=after),
    ]
    store.enqueue(jobs, now_ms=SystemClock().now_ms())
    page = open_page("/jobs/mail")
    kin = page.get_by_role("region", name="What it waits for")
    expect(kin).to_contain_text("must complete")

    kin.get_by_role("link", name="load").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("load")
    ask(page, "Release", exact=True)
    expect(page.locator(".head .badge")).to_have_text("pending")
    ask(page, "Undo")
    expect(page.locator(".head .badge")).to_have_text("held")
    assert violations(page) == []


def test_very_many_jobs_want_their_number_typed(open_page, site, store):
    store.enqueue([new_job() for _ in range(150)], now_ms=SystemClock().now_ms())
    page = open_page("/jobs?state=pending")
    page.locator("[data-row] input").first.check()
    page.get_by_label("All that match").check()
    page.locator("#bulk-bar").get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_label("Type 150 to go on").fill("15")
    ask(page, "Cancel 150 jobs")
    expect(page.get_by_role("alert")).to_contain_text("another number")
    assert violations(page) == []

    page.get_by_label("Type 150 to go on").fill("150")
    ask(page, "Cancel 150 jobs")

    expect(page.locator(".notice")).to_have_text("150 jobs cancelled")
    assert jobs_of(store, states=(State.PENDING,)) == []


def test_a_server_that_was_started_again_is_found_again(open_page, site, store):
    page = open_page("/jobs")
    live = page.locator("#live")
    expect(live).to_have_text("Live 2 s")

    page.route("**/jobs", lambda route: route.fulfill(status=503, body="busy"))
    expect(live).to_have_text("Reconnecting")
    expect(page.locator("#say")).to_have_text(
        "The connection is lost; trying again", timeout=20_000
    )
    page.unroute("**/jobs")
    store.enqueue([new_job("./meanwhile")], now_ms=SystemClock().now_ms())

    expect(page.get_by_text("./meanwhile")).to_be_visible(timeout=30_000)
    expect(page.locator("#say")).to_have_text("Connected again")


def test_a_job_is_read_by_keys(open_page, site, store, busy):
    page = open_page(f"/jobs/{busy['dead']}")
    press(page, "w")
    expect(page.locator("#output")).to_have_class("output wrap")
    press(page, "f")
    expect(page.locator("#follow")).not_to_be_checked()
    press(page, "#")
    expect(page.get_by_role("heading", name="Delete this job?")).to_be_visible()
    expect(page.get_by_role("link", name="Leave it")).to_be_focused()
    press(page, "Enter")
    for key, heading in (
        ("q", "Queues"),
        ("w", "Workers"),
        ("d", "Dead jobs"),
        ("m", "Metrics"),
        ("e", "Events"),
        ("p", "Operations"),
        (",", "Settings"),
        ("o", "Overview"),
    ):
        press(page, "g", key)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
