from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from queuectl_core.durations import (
    LAST_MOMENT_MS,
    MAX_SPAN_MS,
    caller_zone,
    duration_text,
    format_duration,
    format_local,
    format_moment,
    parse_duration_ms,
    parse_moment_ms,
)
from queuectl_core.errors import BadData

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
ZONES = [UTC, BERLIN, NEW_YORK, ZoneInfo("Asia/Kathmandu"), timezone(timedelta(hours=-9))]

spans = st.integers(0, MAX_SPAN_MS)
moments = st.integers(0, LAST_MOMENT_MS)
# Text made of what our forms are made of gets further into the parser than arbitrary text.
scraps = st.lists(
    st.sampled_from(
        ["+", "-", ":", "@", ".", " ", "T", "Z", "0", "03", "59", "61", "2024", "9999", "12", "31",
         "ms", "s", "m", "h", "d", "w", "now", "today", "tomorrow", "\u0663", "\0", "\udc80"]
    ),
    max_size=12,
).map("".join)  # fmt: skip
any_text = st.text() | scraps


def at_ms(text: str) -> int:
    """Read a moment without our own code."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


NOW_MS = at_ms("2024-07-10T12:00:00+00:00")


@pytest.fixture
def set_tz(monkeypatch):
    def set_tz(name: str | None) -> None:
        if name is None:
            monkeypatch.delenv("TZ", raising=False)
        else:
            monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_tz
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "span_ms"),
    [
        ("0", 0), ("90", 90_000), ("1.5", 1_500), ("250ms", 250), ("90s", 90_000), ("10m", 600_000),
        ("2h", 7_200_000), ("7d", 604_800_000), ("2w", 1_209_600_000), ("1h30m", 5_400_000),
        ("1.5h", 5_400_000), ("1s500ms", 1_500), ("1w2d3h4m5s6ms", 788_645_006), (" 5s\n", 5_000),
        ("36525d", MAX_SPAN_MS),
    ],
)  # fmt: skip
def test_parse_duration_reads_every_unit(text, span_ms):
    assert parse_duration_ms(text) == span_ms


def test_parse_duration_rounds_parts_of_a_millisecond_up():
    assert parse_duration_ms("0.0000001s") == 1
    assert parse_duration_ms("1.0005s") == 1_001


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-5", "+5", "-5s", "5 s", "s", "1h30", "30m1h", "1h1h", "1e3", ".5h", "5.",
        "1,5h", "5x", "5S", "0x10", "1_000", "nan", "inf", "\u0665", "5\u017f", "5\0", "tomorrow",
        "9" * 5000, "36526d", "5221w",
    ],
)  # fmt: skip
def test_parse_duration_refuses_anything_else(text):
    with pytest.raises(BadData) as refusal:
        parse_duration_ms(text)

    assert "examples: 90, 90s" in refusal.value.hint


def test_a_refusal_names_the_value_escaped_and_short():
    with pytest.raises(BadData, match=r"not a duration: '5\\x1b\[2J'"):
        parse_duration_ms("5\x1b[2J")
    with pytest.raises(BadData) as refusal:
        parse_duration_ms("x" * 1_000_000)

    assert len(str(refusal.value)) < 120


@pytest.mark.parametrize(
    ("span_ms", "text"),
    [
        (0, "0s"), (1, "1ms"), (999, "999ms"), (1_000, "1s"), (1_234, "1.2s"), (1_999, "1.9s"),
        (59_999, "59.9s"), (60_000, "1m"), (200_000, "3m20s"), (3_599_999, "59m59s"),
        (7_200_000, "2h"), (7_260_000, "2h1m"), (86_399_999, "23h59m"), (619_200_000, "7d4h"),
        (MAX_SPAN_MS, "36525d"), (-1_234, "-1.2s"),
    ],
)  # fmt: skip
def test_format_duration_is_short(span_ms, text):
    assert format_duration(span_ms) == text


@given(spans)
def test_format_duration_reads_back_to_its_printed_precision(span_ms):
    read_ms = parse_duration_ms(format_duration(span_ms))

    assert 0 <= span_ms - read_ms <= span_ms * 0.1
    assert format_duration(read_ms) == format_duration(span_ms)


@given(spans)
def test_duration_text_loses_nothing(span_ms):
    assert parse_duration_ms(duration_text(span_ms)) == span_ms


@given(spans, spans)
def test_longer_spans_never_print_shorter(one_ms, other_ms):
    low_ms, high_ms = sorted((one_ms, other_ms))

    low, high = (parse_duration_ms(format_duration(span_ms)) for span_ms in (low_ms, high_ms))
    assert low <= high


@given(st.integers(0, 800_000), st.integers(0, 800_000), st.sampled_from(["ms", "s", "m", "h"]))
def test_parse_duration_is_monotone(one, other, unit):
    low, high = sorted((one, other))

    assert parse_duration_ms(f"{low}{unit}") <= parse_duration_ms(f"{high}{unit}")
    assert parse_duration_ms(f"{low}.5{unit}") >= parse_duration_ms(f"{low}{unit}")


@given(any_text)
@example("9" * 5000)
def test_parse_duration_raises_nothing_but_bad_data(text):
    try:
        span_ms = parse_duration_ms(text)
    except BadData:
        return
    assert 0 <= span_ms <= MAX_SPAN_MS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-12-31T23:59:00Z", "2024-12-31T23:59:00+00:00"),
        ("2024-12-31t23:59:00z", "2024-12-31T23:59:00+00:00"),
        ("2024-12-31T23:59:00.5Z", "2024-12-31T23:59:00.500+00:00"),
        ("2024-12-31T23:59:00+05:45", "2024-12-31T18:14:00+00:00"),
        ("2024-12-31 23:59-03:30", "2025-01-01T03:29:00+00:00"),
        ("2024-12-31T23:59:00-00:00", "2024-12-31T23:59:00+00:00"),
        ("2024-12-31T23:59:00", "2024-12-31T23:59:00+01:00"),
        ("2024-12-31 23:59", "2024-12-31T23:59:00+01:00"),
        (" 2024-02-29 ", "2024-02-29T00:00:00+01:00"),
        ("now", "2024-07-10T12:00:00+00:00"),
        ("+10m", "2024-07-10T12:10:00+00:00"),
        ("+90", "2024-07-10T12:01:30+00:00"),
        ("@1700000000", "2023-11-14T22:13:20+00:00"),
        ("@1700000000.25", "2023-11-14T22:13:20.250+00:00"),
        ("14:01", "2024-07-10T14:01:00+02:00"),
        ("14:00:00", "2024-07-10T14:00:00+02:00"),
        ("13:59:59.999", "2024-07-11T13:59:59.999+02:00"),
        ("03:00", "2024-07-11T03:00:00+02:00"),
        ("today", "2024-07-10T00:00:00+02:00"),
        ("today 18:00", "2024-07-10T18:00:00+02:00"),
        ("today 03:00", "2024-07-10T03:00:00+02:00"),
        ("tomorrow", "2024-07-11T00:00:00+02:00"),
        ("Tomorrow  03:00", "2024-07-11T03:00:00+02:00"),
    ],
)
def test_parse_moment_reads_every_form(text, expected):
    assert parse_moment_ms(text, now_ms=NOW_MS, zone=BERLIN) == at_ms(expected)


def test_parse_moment_rounds_parts_of_a_millisecond_up():
    moment_ms = parse_moment_ms("2024-12-31T23:59:59.999000001Z", now_ms=NOW_MS)

    assert moment_ms == at_ms("2025-01-01T00:00:00+00:00")


def test_today_is_the_date_in_the_zone_not_in_utc():
    late_ms = at_ms("2024-07-10T23:30:00+00:00")

    in_berlin_ms = parse_moment_ms("today", now_ms=late_ms, zone=BERLIN)
    in_new_york_ms = parse_moment_ms("today", now_ms=late_ms, zone=NEW_YORK)

    assert in_berlin_ms == at_ms("2024-07-11T00:00:00+02:00")
    assert in_new_york_ms == at_ms("2024-07-10T00:00:00-04:00")


@pytest.mark.parametrize("text", ["2024-07-10T14:30", "14:30", "today 14:30"])
def test_naive_utc_beats_the_zone(text):
    moment_ms = parse_moment_ms(text, now_ms=NOW_MS, zone=BERLIN, naive="utc")

    assert moment_ms == at_ms("2024-07-10T14:30:00+00:00")


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "2024-13-01", "2024-00-10", "2023-02-29", "2024-12-31T25:00:00Z",
        "2024-12-31 24:00", "25:00", "23:60", "2024-12-31T23:59:60Z", "23:59:60",
        "2024-12-31T23:59:00+24:00", "2024-12-31T23:59:00+01:60", "2024-12-31T23:59:00+0100",
        "2024-12-31T", "2024-12-31Z", "2024-12-31T23", "20241231T235900Z", "2024-1-1", "24-01-01",
        "3:00", "03:00Z", "tomorrow03:00", "tomorrow 3pm", "yesterday", "+", "+-5", "+x", "-10m",
        "@", "@-1", "@x", "@9999999999999999", "\u0662\u0660\u0662\u0664-12-31",
        "\u0660\u0663:00", "0000-01-01", "12345-01-01", "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-01:00", "@253402300800", "17:00\0",
    ],
)  # fmt: skip
def test_parse_moment_refuses_anything_else(text):
    with pytest.raises(BadData):
        parse_moment_ms(text, now_ms=NOW_MS, zone=BERLIN)


def test_a_refused_time_names_the_value_the_reason_and_the_forms():
    with pytest.raises(BadData, match=r"not a time .*month.*: '2024-13-01'") as refusal:
        parse_moment_ms("2024-13-01", now_ms=NOW_MS)

    assert "'tomorrow 03:00'" in refusal.value.hint
    assert refusal.value.exit_code == 65


def test_tomorrow_after_the_last_day_is_refused():
    with pytest.raises(BadData):
        parse_moment_ms("tomorrow", now_ms=LAST_MOMENT_MS, zone=UTC)


@given(any_text, moments, st.sampled_from([*ZONES, None]), st.sampled_from(["local", "utc"]))
@example("0001-01-01", 0, None, "local")
@example("9999-12-31 23:59", 0, None, "local")
def test_parse_moment_raises_nothing_but_bad_data(text, now_ms, zone, naive):
    try:
        moment_ms = parse_moment_ms(text, now_ms=now_ms, zone=zone, naive=naive)
    except BadData:
        return
    assert 0 <= moment_ms <= LAST_MOMENT_MS


# In Berlin clocks went from 02:00 to 03:00 on 2024-03-31, from 03:00 back to 02:00 on 2024-10-27;
# in New York on 2024-03-10 and, from 02:00 to 01:00, on 2024-11-03.
CLOCK_CHANGES = [
    ("Europe/Berlin", "2024-01-15 12:00", "2024-01-15T12:00:00+01:00"),
    ("Europe/Berlin", "2024-07-15 12:00", "2024-07-15T12:00:00+02:00"),
    ("Europe/Berlin", "2024-03-31 01:59:59", "2024-03-31T01:59:59+01:00"),
    ("Europe/Berlin", "2024-03-31 02:30", "2024-03-31T03:30:00+02:00"),
    ("Europe/Berlin", "2024-03-31 03:00", "2024-03-31T03:00:00+02:00"),
    ("Europe/Berlin", "2024-10-27 01:59:59", "2024-10-27T01:59:59+02:00"),
    ("Europe/Berlin", "2024-10-27 02:30", "2024-10-27T02:30:00+02:00"),
    ("Europe/Berlin", "2024-10-27 03:00", "2024-10-27T03:00:00+01:00"),
    ("America/New_York", "2024-01-15 12:00", "2024-01-15T12:00:00-05:00"),
    ("America/New_York", "2024-07-15 12:00", "2024-07-15T12:00:00-04:00"),
    ("America/New_York", "2024-03-10 02:30", "2024-03-10T03:30:00-04:00"),
    ("America/New_York", "2024-11-03 01:30", "2024-11-03T01:30:00-04:00"),
    ("America/New_York", "2024-11-03 02:00", "2024-11-03T02:00:00-05:00"),
]


@pytest.mark.parametrize("now", ["2024-01-01T00:00:00+00:00", "2024-07-01T00:00:00+00:00"])
@pytest.mark.parametrize(("zone", "text", "expected"), CLOCK_CHANGES)
def test_a_wall_time_has_the_offset_of_its_own_date(zone, text, expected, now, set_tz):
    set_tz(zone)

    assert parse_moment_ms(text, now_ms=at_ms(now), zone=ZoneInfo(zone)) == at_ms(expected)
    assert parse_moment_ms(text, now_ms=at_ms(now)) == at_ms(expected)


@pytest.mark.parametrize(("zone", "text", "expected"), CLOCK_CHANGES)
def test_the_c_library_resolves_clock_changes_alike(zone, text, expected, set_tz):
    rules = {
        "Europe/Berlin": "CET-1CEST,M3.5.0,M10.5.0/3",
        "America/New_York": "EST5EDT,M3.2.0,M11.1.0",
    }
    set_tz(rules[zone])

    assert caller_zone() is None
    assert parse_moment_ms(text, now_ms=NOW_MS) == at_ms(expected)
    assert format_moment(at_ms(expected)) == expected


@pytest.mark.parametrize(
    ("now", "text", "expected"),
    [
        # The night before the clocks go forward, and before they go back.
        ("2024-03-30T12:00:00+01:00", "tomorrow 03:00", "2024-03-31T03:00:00+02:00"),
        ("2024-03-31T01:00:00+01:00", "02:30", "2024-03-31T03:30:00+02:00"),
        ("2024-10-26T12:00:00+02:00", "tomorrow 03:00", "2024-10-27T03:00:00+01:00"),
        ("2024-10-27T00:30:00+02:00", "02:30", "2024-10-27T02:30:00+02:00"),
        # Between the two 02:30 only the first counts, and it has passed.
        ("2024-10-27T02:45:00+02:00", "02:30", "2024-10-28T02:30:00+01:00"),
        # 24 hours are not a day.
        ("2024-10-26T12:00:00+02:00", "+24h", "2024-10-27T11:00:00+01:00"),
    ],
)
def test_days_near_a_clock_change(now, text, expected):
    assert parse_moment_ms(text, now_ms=at_ms(now), zone=BERLIN) == at_ms(expected)


def test_a_day_that_a_zone_skipped_moves_forward():
    apia = ZoneInfo("Pacific/Apia")

    moment_ms = parse_moment_ms("2011-12-30 10:00", now_ms=NOW_MS, zone=apia)
    assert format_moment(moment_ms, apia) == "2011-12-31T10:00:00+14:00"


@given(st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 31)), st.sampled_from(ZONES[1:4]))  # noqa: DTZ001
def test_a_wall_time_comes_back_unless_the_clocks_skip_it(wall, zone):
    wall = wall.replace(microsecond=0)

    shown = format_local(parse_moment_ms(str(wall), now_ms=NOW_MS, zone=zone), zone)
    skipped = wall.replace(tzinfo=zone).utcoffset() != wall.replace(tzinfo=zone, fold=1).utcoffset()
    assert shown == str(wall) or (skipped and shown > str(wall))


def test_without_tz_the_system_zone_counts(set_tz):
    set_tz(None)
    wall = datetime(2024, 7, 15, 12, 0)  # noqa: DTZ001

    moment_ms = parse_moment_ms("2024-07-15 12:00", now_ms=NOW_MS)

    assert caller_zone() is None
    assert moment_ms == round(time.mktime(wall.timetuple())) * 1000
    assert format_local(moment_ms) == "2024-07-15 12:00:00"


@pytest.mark.parametrize("name", ["Europe/Berlin", ":Europe/Berlin"])
def test_tz_names_the_zone(name, set_tz):
    set_tz(name)

    assert caller_zone() == BERLIN


@pytest.mark.parametrize("name", ["", "CET-1CEST", "<+03>-3", "/etc/localtime"])
def test_tz_that_is_no_name_is_left_to_the_c_library(name, set_tz):
    set_tz(name)

    assert caller_zone() is None


@pytest.mark.parametrize("name", ["Europe/Berln", "Europe", "nonsense"])
def test_an_unknown_zone_in_tz_is_refused_not_taken_for_utc(name, set_tz):
    set_tz(name)

    with pytest.raises(BadData, match=f"no such time zone in TZ: '{name}'"):
        parse_moment_ms("03:00", now_ms=NOW_MS)
    assert parse_moment_ms("2024-07-10T12:00:00Z", now_ms=NOW_MS) == NOW_MS


@pytest.mark.parametrize(
    ("moment_ms", "zone", "text"),
    [
        (0, UTC, "1970-01-01T00:00:00+00:00"),
        (1_795_490_232_000, UTC, "2026-11-24T03:17:12+00:00"),
        (1_795_490_232_007, BERLIN, "2026-11-24T04:17:12.007+01:00"),
        (1_720_612_800_000, NEW_YORK, "2024-07-10T08:00:00-04:00"),
        (LAST_MOMENT_MS, UTC, "9999-12-31T23:59:59.999+00:00"),
        # The year 10000, and an offset with seconds: RFC 3339 has neither.
        (LAST_MOMENT_MS, BERLIN, "9999-12-31T23:59:59.999+00:00"),
        (0, ZoneInfo("Africa/Monrovia"), "1970-01-01T00:00:00+00:00"),
    ],
)
def test_format_moment_is_rfc_3339(moment_ms, zone, text):
    assert format_moment(moment_ms, zone) == text


def test_format_moment_uses_the_local_zone(set_tz):
    set_tz("America/New_York")

    assert format_moment(NOW_MS) == "2024-07-10T08:00:00-04:00"
    assert format_local(NOW_MS) == "2024-07-10 08:00:00"


@pytest.mark.parametrize("moment_ms", [-1, LAST_MOMENT_MS + 1, 1 << 80])
def test_a_moment_beyond_the_calendar_is_refused(moment_ms):
    with pytest.raises(BadData):
        format_moment(moment_ms)


@given(moments, st.sampled_from([*ZONES, None]))
@example(LAST_MOMENT_MS, None)
def test_format_moment_reads_back_exactly(moment_ms, zone):
    assert parse_moment_ms(format_moment(moment_ms, zone), now_ms=0) == moment_ms
