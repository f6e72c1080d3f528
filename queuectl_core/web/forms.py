"""What forms send, made into what services take."""

from __future__ import annotations

from queuectl_core.errors import BadData, UsageError
from queuectl_core.flow import HELD
from queuectl_core.job import check_priority, check_queue
from queuectl_core.lifecycle import STATES, State
from queuectl_core.records import Record
from queuectl_core.selection import Selection
from queuectl_core.services import burials, changes, editing, intake
from queuectl_core.services.sweeps import Sweep
from queuectl_core.web import search
from queuectl_core.web.actions import VERBS, Deed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.durations import Naive
    from queuectl_core.job import Job, NewJob
    from queuectl_core.services.changes import Verb
    from queuectl_core.web.facts import Facts, Values
    from queuectl_core.web.search import Query

LAST = 2**63 - 1
MOST_PICKED = 1_000
JOB_FIELDS = (
    "id", "queue", "run_at", "timeout", "backoff", "cwd", "on_crash", "unique", "mutex",
    "expires_at",
)  # fmt: skip
MAX_CAUSE_CHARACTERS = 1_000
_DIGITS = 18


class Filter(Record):
    """What a list of jobs is narrowed to: the tab's state and the words of the search box.

    `cause` is what dead jobs died of, as services/burials.py groups them.
    """

    state: str
    query: Query
    cause: str = ""

    @property
    def asked(self) -> dict[str, object]:
        """What stands for it in a link."""
        return {"state": self.state, "q": self.query.text, "cause": self.cause}


class Choice(Record):
    """Jobs that a bulk action is about: those picked, or all under a number that a filter finds.

    `numbers` None: all. `asked_at_ms` is when the question was asked that this form answers.
    """

    deed: Deed
    filter: Filter
    numbers: Sequence[int] | None
    below: int
    asked_at_ms: int

    @property
    def action(self) -> str:
        """The word of the button."""
        return self.deed.action

    @property
    def verb(self) -> Verb:
        """What it means."""
        return self.deed.verb

    @property
    def sweep(self) -> Sweep:
        """The jobs in the states that the verb takes; UsageError where the filter has others."""
        if self.numbers is not None:
            return Sweep(Selection(numbers=self.numbers), self._takes, LAST)
        selection = changes.narrowed(self.filter.query.selection, self.verb)
        return Sweep(selection, self._takes, self.below)

    @property
    def tested(self) -> bool:
        """Whether jobs must be looked at one by one to be counted."""
        simple = self.action in {"retry", "cancel", "remove"}
        return bool(self.filter.query.tests or not simple or self.numbers is not None)

    def _takes(self, job: Job) -> bool:
        if job.state not in self.verb.allowed or not _changes(self.deed, job):
            return False
        return self.numbers is not None or self.filter.query.fits(job)


def choice_of(form: Values, *, now_ms: int) -> Choice:
    """Return what a bulk form asks for; UsageError where it asks for nothing."""
    deed = deed_of(form, now_ms=now_ms)
    numbers = [number(text, 0) for text in form.all("number")][:MOST_PICKED]
    if form.get("all") != "1" and not numbers:
        raise UsageError("no job is chosen", hint="tick the jobs, or choose all that match")
    chosen = filter_of(form, now_ms=now_ms)
    if chosen.query.problems:
        raise BadData(chosen.query.problems[0])
    return Choice(
        deed,
        chosen,
        None if form.get("all") == "1" else numbers,
        number(form.given("below"), LAST),
        number(form.given("asked_at"), now_ms),
    )


def filter_of(values: Values, *, now_ms: int) -> Filter:
    """Return the filter of a link or a form. A state of the search box goes before the tab's."""
    query = search.parse(values.get("q"), now_ms=now_ms)
    cause, state = values.get("cause")[:MAX_CAUSE_CHARACTERS], values.get("state")
    if cause:
        state = str(State.DEAD)
        query = query._replace(tests=(*query.tests, lambda job: burials.error_of(job) == cause))
    if state not in STATES:
        return Filter("", query)
    if cause or not query.selection.states:
        selection = query.selection._replace(states=(STATES[state],))
        query = query._replace(selection=selection)
    return Filter(state, query, cause)


def number(text: str | None, otherwise: int) -> int:
    """Return a whole number of a link; `otherwise` for anything else."""
    if text and text.isascii() and text.isdigit() and len(text) <= _DIGITS:
        return int(text)
    return otherwise


def new_job(facts: Facts, form: Values) -> NewJob:
    """Return the job that the form asks for; BadData where it is wrong."""
    settings = facts.context.settings
    fields: dict[str, object] = {name: form.given(name) for name in JOB_FIELDS}
    fields["command"] = form.given("command")
    if fields["command"] is None:
        raise BadData("the command is missing", hint="write what a shell should run")
    for name in ("priority", "max_retries"):
        fields[name] = _whole(name, form.given(name))
    tags = form.given("tags")
    fields["tags"] = None if tags is None else tags.replace(",", " ").split()
    after = form.given("after")
    fields["after"] = None if after is None else after.replace(",", " ").split()
    fields["hold"] = form.get("hold") == "1" or None
    naive: Naive = "utc" if settings.naive_time == "utc" else "local"
    return intake.new_job(fields, intake.Defaults(settings.max_retries, facts.now_ms, None, naive))


def deed_of(form: Values, *, now_ms: int) -> Deed:
    """Return what a button stands for; BadData where a new value is wrong."""
    action = form.get("action")
    if action not in VERBS:
        raise UsageError("that action is not known", hint="go back and use one of the buttons")
    match action:
        case "priority":
            value = check_priority(_whole("priority", form.given("priority")))
            return Deed(action, {"priority": value})
        case "queue":
            return Deed(action, {"queue": check_queue(form.get("queue"))})
        case "now":
            return Deed(action, {"run_at_ms": None})
        case "start":
            fields = {"run_at": form.given("run_at")}
            return Deed(action, editing.checked(fields, intake.Defaults(0, now_ms)))
    return Deed(action)


def _changes(deed: Deed, job: Job) -> bool:
    """Tell whether a job would be another one afterwards."""
    held = bool((job.blocked or 0) & HELD)
    match deed.action:
        case "hold":
            return not held
        case "release":
            return held
        case "priority":
            return job.priority != deed.fields["priority"]
        case "queue":
            return job.queue != deed.fields["queue"]
    return True


def _whole(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise BadData(f'{name} must be a whole number, not "{text[:60]}"')
    return int(text)
