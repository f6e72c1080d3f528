"""HTML of pages: a template, its model, and what every page shows around it."""

from __future__ import annotations

from bottle import SimpleTemplate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.web.facts import Facts, Page

_PLAIN = SimpleTemplate("""\
<!doctype html><html lang="en"><title>QueueCTL</title><main><h1>{{template}}</h1>
<pre>{{model}}</pre></main></html>
""")


def render(page: Page, facts: Facts) -> bytes:
    """Return the document, or its <main> alone where the request wants a fragment."""
    text: str = _PLAIN.render(template=page.template, model=dict(page.model), facts=facts)
    return text.encode()
