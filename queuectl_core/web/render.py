"""HTML of pages: a template, its model, and what every page shows around it.

Templates escape what they print; only what this module and charts.py make is printed raw.
"""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import parse_qsl, urlencode

from bottle import SimpleTemplate

from queuectl_core import __version__
from queuectl_core.services import jobs
from queuectl_core.web import assets, charts, views_text
from queuectl_core.web.facts import Role

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.job import Job
    from queuectl_core.web.facts import Facts, Page

PLACES = (
    ("overview", "Overview", "/", "o"),
    ("jobs", "Jobs", "/jobs", "j"),
    ("queues", "Queues", "/queues", "q"),
    ("workers", "Workers", "/workers", "w"),
    ("dead", "Dead", "/dead", "d"),
    ("metrics", "Metrics", "/metrics-ui", "m"),
    ("events", "Events", "/events", "e"),
    ("operations", "Operations", "/operations", "p"),
    ("settings", "Settings", "/settings", ","),
)
"""What can be gone to: key, name, path, and the key after `g`."""
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What no page may carry: besides controls, what turns the direction of text (CVE-2021-42574)."""


def render(page: Page, facts: Facts) -> bytes:
    """Return the document, or the inside of its <main> where the request wants a fragment."""
    tools = _Tools(facts)
    model = {"title": "", "place": "", "dead": 0, "live": False, **page.model, **tools.names()}
    body = tools.part(page.template, **model)
    if not facts.wants_fragment:
        body = tools.part("layout", **(model | {"body": body, "places": PLACES}))
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", body).encode("utf-8", "replace")


@cache
def _version() -> str:
    return assets.version()


@cache
def _template(name: str) -> SimpleTemplate:
    return SimpleTemplate(assets.read(f"templates/{name}.html").decode())


def _undo_of(undo: str) -> tuple[str, list[tuple[str, str]]]:
    """Return path and fields of what takes the last action back."""
    path, _, query = undo.partition("?")
    return path, parse_qsl(query, keep_blank_values=True)


class _Tools:
    """What templates may call, bound to one request."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def names(self) -> dict[str, object]:
        """Return everything that templates find by name besides their model."""
        facts = self._facts
        return {
            "facts": facts,
            "part": self.part,
            "link": self.link,
            "asset": self.asset,
            "icon": views_text.icon,
            "standing": self.standing,
            "undo_of": _undo_of,
            "ago": self.ago,
            "at": self.at,
            "since": self.since,
            "span": views_text.span,
            "count": views_text.count,
            "plural": views_text.plural,
            "short": views_text.short,
            "spark": charts.sparkline,
            "command_line": jobs.command_line,
            "operates": facts.may(Role.OPERATE),
            "administers": facts.may(Role.ADMIN),
            "version": __version__,
        }

    def part(self, name: str, **model: object) -> str:
        """Return another template's text, with the same tools."""
        text: str = _template(name).render(**(self.names() | model))
        return text

    def link(self, path: str, query: Mapping[str, object] | None = None, **more: object) -> str:
        """Return a link into the dashboard; what is empty or None is left out of its query."""
        asked = {**(query or {}), **more}
        pairs = [(name, value) for name, value in asked.items() if value not in (None, "")]
        return self._facts.base_path + path + ("?" + urlencode(pairs) if pairs else "")

    def asset(self, name: str) -> str:
        """Return the link of a static file, which changes with its content."""
        return f"{self._facts.base_path}/static/{name}?v={_version()}"

    def standing(self, job: Job) -> str:
        """Return the badge that says where a job stands."""
        look, word = views_text.standing(job, self._facts.now_ms)
        return self.part("badge", look=look, word=word)

    def ago(self, at_ms: int | None) -> str:
        """Return a moment as the time since or until it.

        In a fragment as the moment itself, which the script rewords: else nothing would ever be
        unchanged.
        """
        now_ms = None if self._facts.wants_fragment else self._facts.now_ms
        return views_text.time_tag(at_ms, now_ms, "ago")

    def at(self, at_ms: int | None) -> str:
        """Return a moment as date and time."""
        return views_text.time_tag(at_ms, None, "at")

    def since(self, at_ms: int | None) -> str:
        """Return how long something lasts that goes on."""
        now_ms = None if self._facts.wants_fragment else self._facts.now_ms
        return views_text.time_tag(at_ms, now_ms, "since")
