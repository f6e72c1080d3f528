"""What people ask of settings: which are in force and where from, change one, forget one."""

from __future__ import annotations

import json

from queuectl_core import config
from queuectl_core import home as homes
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.config import Setting, Value
    from queuectl_core.home import Home

# Always written with a fraction, as from the first day on; others only where there is one.
_FRACTIONAL = frozenset({"backoff_base", "backoff_jitter", "worker_poll_interval"})


class InForce(Record):
    """A setting's value and where it comes from: default, file, or the variable's name."""

    key: str
    value: Value
    source: str


def in_force(home: Home, file: Mapping[str, Value], environ: Mapping[str, str]) -> list[InForce]:
    """Return all settings in the order of the table; db-path as the path that is really used."""
    settings = config.resolve(file, environ, {})
    rows = []
    for setting in config.TABLE:
        value: Value = getattr(settings, setting.field)
        if setting.field == "db_path":
            value = home.db_path(settings)
        rows.append(InForce(setting.key, plain(setting, value), _source(setting, file, environ)))
    return rows


def _source(setting: Setting, file: Mapping[str, Value], environ: Mapping[str, str]) -> str:
    if setting.variable in environ:
        return setting.variable
    return "file" if setting.field in file else "default"


def plain(setting: Setting, value: Value) -> Value:
    """Return the value as people write it: 300 and not 300.0 seconds."""
    whole = isinstance(value, float) and value.is_integer() and setting.field not in _FRACTIONAL
    return int(value) if whole else value


def change(home: Home, key: str, text: str) -> InForce:
    """Check and store one setting; BadConfig, and nothing is stored, where it is wrong."""
    setting = config.find(key)
    value = plain(setting, config.parse_text(setting, text, "config set"))
    values = _stored(home)
    _drop(values, setting)
    homes.write_config_file(home, values | {setting.field: value})
    return InForce(setting.key, value, "file")


def forget(home: Home, key: str) -> bool:
    """Remove one setting from the file, also one that we do not know; tell whether it was there."""
    values = _stored(home)
    setting = config.BY_KEY.get(key.replace("_", "-"))
    found = _drop(values, setting) if setting else values.pop(key, None) is not None
    if found:
        homes.write_config_file(home, values)
    elif setting is None:
        config.find(key)
    return found


def _drop(values: dict[str, Value], setting: Setting) -> bool:
    """Remove a setting in both spellings."""
    spellings = [name for name in (setting.field, setting.key) if name in values]
    for name in spellings:
        del values[name]
    return bool(spellings)


def _stored(home: Home) -> dict[str, Value]:
    """Return the file's keys as they stand: a wrong value must not keep others from being set."""
    try:
        with open(home.config_path, encoding="utf-8") as file:
            values = json.load(file)
    except (OSError, ValueError):
        values = None
    # what is no object at all is for its owner to repair: this raises, unless there is no file
    return values if isinstance(values, dict) else dict(homes.read_config_file(home))
