from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl_core import config
from queuectl_core.config import BY_KEY, TABLE, Settings, find, parse_file, parse_text, resolve
from queuectl_core.errors import BadConfig

NUMBERS = [setting for setting in TABLE if not isinstance(setting.default, str)]
KEYS = [setting.key for setting in TABLE]
A_VALUE = {
    "max_retries": (7, "8", 9),
    "backoff_base": (1.5, "2.5", 3.5),
    "db_path": ("/file", "/environ", "/flag"),
    "naive_time": ("utc", "local", "utc"),
}


def default(field):
    return config.find(field).default


# --- the table ---


def test_the_table_and_the_settings_have_the_same_fields():
    assert [setting.field for setting in TABLE] == list(Settings._fields)


@pytest.mark.parametrize("setting", TABLE, ids=KEYS)
def test_a_default_fits_its_own_bounds(setting):
    assert parse_file(json.dumps({setting.field: setting.default}), "f") == {
        setting.field: setting.default
    }


@pytest.mark.parametrize("setting", TABLE, ids=KEYS)
def test_a_setting_has_a_name_for_each_place(setting):
    assert setting.field == setting.key.replace("-", "_")
    assert setting.variable == f"QUEUECTL_{setting.field.upper()}"
    assert setting.help
    assert find(setting.key) is find(setting.field) is setting


# --- who beats whom ---


def test_without_anything_the_defaults_are_in_force():
    assert resolve({}, {}, {})._asdict() == {setting.field: setting.default for setting in TABLE}


def test_retention_is_on_without_anything():
    found = resolve({}, {}, {})

    assert (found.keep_finished_days, found.keep_finished_count) == (30, 100_000)
    assert (found.keep_output_days, found.keep_output_bytes) == (7, 1_073_741_824)


@pytest.mark.parametrize("key", [key for key in KEYS if key.startswith("keep-")])
def test_what_is_kept_can_be_kept_for_ever(key):
    assert parse_text(BY_KEY[key], "0", "test") == 0
    assert "0: no limit" in BY_KEY[key].help


@pytest.mark.parametrize("field", A_VALUE)
def test_a_flag_beats_the_environment_and_that_the_file(field):
    in_file, in_environ, in_flag = A_VALUE[field]
    file, environ, flags = (
        {field: in_file},
        {config.find(field).variable: in_environ},
        {field: in_flag},
    )
    kind = type(default(field))

    found = [
        getattr(resolve(*given), field)
        for given in [
            ({}, {}, {}), (file, {}, {}), (file, environ, {}), (file, environ, flags),
            (file, {}, flags),
        ]
    ]  # fmt: skip

    assert found == [default(field), in_file, kind(in_environ), in_flag, in_flag]


def test_settings_do_not_mix():
    found = resolve({"max_retries": 7}, {"QUEUECTL_KILL_GRACE": "2"}, {"db_path": "/x"})

    assert (found.max_retries, found.kill_grace, found.db_path) == (7, 2.0, "/x")
    assert found.job_timeout == default("job_timeout")


def test_a_wrong_value_in_the_environment_names_the_variable():
    with pytest.raises(BadConfig, match="QUEUECTL_MAX_RETRIES: max-retries must be"):
        resolve({}, {"QUEUECTL_MAX_RETRIES": "many"}, {})


def test_an_empty_number_in_the_environment_is_refused():
    with pytest.raises(BadConfig, match="QUEUECTL_JOB_TIMEOUT"):
        resolve({}, {"QUEUECTL_JOB_TIMEOUT": ""}, {})


# --- bounds ---


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.key)
def test_a_number_may_be_as_low_and_as_high_as_its_bounds(setting):
    for bound in (setting.low, setting.high):
        value = parse_text(setting, str(type(setting.default)(bound)), "test")

        assert value == bound
        assert type(value) is type(setting.default)


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.key)
def test_a_number_outside_its_bounds_is_refused_with_the_bounds(setting):
    for outside in (setting.low - 1, setting.high * 2 + 1):
        with pytest.raises(BadConfig, match=r"must be a .*number from") as caught:
            parse_text(setting, f"{outside:.20g}", "test")

        assert f"from {setting.low:,} to {setting.high:,}" in str(caught.value)
        assert caught.value.hint == setting.help


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.key)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "0x10",
        "\u0663",
        "1,5",
        "true",
        pytest.param("9" * 400, id="9 * 400"),
    ],
)
def test_text_that_is_no_number_within_bounds_is_refused(setting, text):
    with pytest.raises(BadConfig, match=setting.key):
        parse_text(setting, text, "test")


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.key)
@pytest.mark.parametrize(
    "value",
    [None, True, False, "3", [], {}, pytest.param(10**400, id="10**400")],
)
def test_a_value_of_another_kind_in_the_file_is_refused(setting, value):
    with pytest.raises(BadConfig, match=f"f: {setting.key} must be"):
        parse_file(json.dumps({setting.field: value}), "f")


def test_a_whole_number_may_not_have_a_fraction():
    with pytest.raises(BadConfig, match="a whole number"):
        parse_file('{"max_retries": 3.0}', "f")


def test_a_whole_number_for_a_span_is_taken_as_a_span():
    found = parse_file('{"job_timeout": 60}', "f")["job_timeout"]

    assert (found, type(found)) == (60.0, float)


@pytest.mark.parametrize("zone", ["local", "utc"])
def test_naive_time_is_local_or_utc(zone):
    assert parse_text(BY_KEY["naive-time"], zone, "test") == zone


@pytest.mark.parametrize("zone", ["", "UTC", "Europe/Berlin"])
def test_naive_time_is_nothing_else(zone):
    with pytest.raises(BadConfig, match="local or utc"):
        parse_text(BY_KEY["naive-time"], zone, "test")


@pytest.mark.parametrize("value", ["", "/srv/ä b/q.db", "~/q.db", "17"])
def test_a_path_is_any_text(value):
    assert parse_text(BY_KEY["db-path"], value, "test") == value


@pytest.mark.parametrize("value", [17, None, ["a"], "a\0b"])
def test_a_path_that_no_call_could_take_is_refused(value):
    with pytest.raises(BadConfig, match="db-path must be text"):
        parse_file(json.dumps({"db_path": value}), "f")


# --- the file ---


@pytest.mark.parametrize("text", ["", " \n", "{}"])
def test_an_empty_file_sets_nothing(text):
    assert parse_file(text, "f") == {}


def test_a_key_may_have_hyphens_or_underscores():
    assert parse_file('{"max-retries": 7, "kill_grace": 1}', "f") == {
        "max_retries": 7,
        "kill_grace": 1.0,
    }


def test_a_half_written_file_is_refused_with_the_line():
    with pytest.raises(BadConfig, match=r"/h/config\.json, line 3: not valid JSON") as caught:
        parse_file('{\n  "max_retries": 3,\n  "kill_gra', "/h/config.json")

    assert "repair" in caught.value.hint
    assert caught.value.exit_code == 78


@pytest.mark.parametrize(
    "text", ["[", "nope", "{'a': 1}", "{} {}", "\ufeff{}", '{"max_retries": 3,}', "1" * 5_000]
)
def test_a_file_that_is_no_json_is_refused(text):
    with pytest.raises(BadConfig, match="f"):
        parse_file(text, "f")


def test_a_file_that_is_nested_too_deep_is_refused():
    with pytest.raises(BadConfig):
        parse_file("[" * 100_000, "f")


@pytest.mark.parametrize("text", ["[]", "3", '"a"', "null", "true"])
def test_a_file_that_holds_no_object_is_refused(text):
    with pytest.raises(BadConfig, match="one JSON object"):
        parse_file(text, "f")


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("max-retry", "did you mean max-retries?"),
        ("maxretries", "did you mean max-retries?"),
        ("job_timeout_s", "did you mean job-timeout?"),
        ("zzz", "queuectl config get lists them all"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(key, hint):
    with pytest.raises(BadConfig, match=f'no setting "{key}"') as caught:
        parse_file(json.dumps({key: 1}), "f")

    assert caught.value.hint == hint


def test_an_endless_key_does_not_make_an_endless_message():
    with pytest.raises(BadConfig) as caught:
        find("x" * 100_000)

    assert len(str(caught.value)) < 120


@given(
    st.text() | st.dictionaries(st.sampled_from(KEYS), st.floats() | st.integers()).map(json.dumps)
)
def test_any_file_gives_settings_in_force_or_bad_config(text):
    try:
        found = parse_file(text, "f")
    except BadConfig:
        return

    in_force = resolve(found, {}, {})
    assert all(
        setting.low <= getattr(in_force, setting.field) <= setting.high for setting in NUMBERS
    )
