"""What is done to many jobs at once: first asked for with their exact number.

Few are done before the answer. Many that a Selection alone can name are left to an operation; those
that must be looked at one by one are done a stretch at a time.
"""

from __future__ import annotations

from queuectl_core.services import sweeps
from queuectl_core.web import actions, forms, operations
from queuectl_core.web.facts import Redirect
from queuectl_core.web.operations import Wish
from queuectl_core.web.views_frame import framed
from queuectl_core.web.views_jobs import newest
from queuectl_core.web.views_text import plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.job import Job
    from queuectl_core.services.changes import Batch
    from queuectl_core.services.sweeps import Tally
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Page, Values
    from queuectl_core.web.forms import Choice, Filter

TYPED_FROM = 100
"""Jobs above which their number must be typed."""
MANY = 2_000
"""Jobs from which on nobody should wait for the answer."""


def bulk(facts: Facts, store: Store, form: Values) -> Page | Redirect:
    """Do something to many jobs, once it was asked for with the number of them."""
    choice = forms.choice_of(form, now_ms=facts.now_ms)
    if form.get("sure") != "1":
        return _asking(facts, store, choice, form, tally=_tally(facts, store, choice))
    if not _typed(form):
        tally = _tally(facts, store, choice)
        return _asking(facts, store, choice, form, tally=tally, wrong=True)
    if _is_long(store, choice):
        return _begin(facts, store, choice)
    act = _act(facts, store, choice)
    swept = sweeps.run(store, choice.sweep, choice.verb, act, clock=facts.context.clock)
    done = swept.changed + forms.number(form.given("done"), 0)
    if swept.below is not None and choice.numbers is None:
        rest = choice._replace(below=swept.below)
        return _asking(facts, store, rest, form, tally=None, done=done)
    refused = f", {swept.refused:,} could not be" if swept.refused else ""
    return Redirect(_back(form), f"{plural(done, 'job')} {_done(choice)}{refused}")


def _typed(form: Values) -> bool:
    """Tell whether the number of the question was typed, where it asked for that."""
    asked = form.given("count")
    digits = "".join(letter for letter in form.get("typed") if letter.isdigit())
    return asked is None or digits == asked


def _tally(facts: Facts, store: Store, choice: Choice) -> Tally:
    return sweeps.tally(
        store, choice.sweep, choice.verb, clock=facts.context.clock, tested=choice.tested
    )


def _is_long(store: Store, choice: Choice) -> bool:
    """Tell whether an operation should do it: it can where the store alone finds the jobs."""
    if choice.tested or choice.action not in operations.VERBS:
        return False
    return store.count(choice.sweep.selection) > MANY


def _begin(facts: Facts, store: Store, choice: Choice) -> Redirect:
    # jobs that came since the question are not meant
    selection = choice.filter.query.selection._replace(until_ms=choice.asked_at_ms)
    words = {name: str(text) for name, text in choice.filter.asked.items() if text}
    facts.context.operations.begin(Wish(choice.action, selection, words, facts.actor), store)
    return Redirect("/operations", f"{_title(choice)}: it is under way")


def _asking(  # noqa: PLR0913 - the one question, whatever has led to it
    facts: Facts,
    store: Store,
    choice: Choice,
    form: Values,
    *,
    tally: Tally | None,
    done: int = 0,
    wrong: bool = False,
) -> Page:
    """Ask; `tally` None: whether to go on after a stretch."""
    below = choice.below if choice.below != forms.LAST else newest(store)
    return framed(
        store,
        "confirm",
        _title(choice),
        "jobs",
        live=False,
        choice=choice,
        word=_word(choice),
        words=in_words(choice.filter, choice.numbers),
        back=_back(form),
        tally=tally,
        done=done,
        wrong=wrong,
        typed_from=TYPED_FROM,
        below=below,
        asked_at=facts.now_ms,
        destructive=choice.verb.destructive,
    )


def _act(facts: Facts, store: Store, choice: Choice) -> sweeps.Act:
    def act(some: Sequence[Job]) -> Batch:
        logs_dir = facts.context.logs_dir
        return actions.act(choice.deed, store, some, now_ms=facts.now_ms, logs_dir=logs_dir)

    return act


def in_words(chosen: Filter, numbers: Sequence[int] | None) -> str:
    """Say which jobs are meant."""
    if numbers is not None:
        return "the jobs that you ticked"
    parts = [f"state {chosen.state}"] if chosen.state else []
    parts += [f"the error {chosen.cause}"] if chosen.cause else []
    parts += [f"search {chosen.query.text}"] if chosen.query.text else []
    return "all jobs with " + " and ".join(parts) if parts else "all jobs"


def _word(choice: Choice) -> str:
    fields = choice.deed.fields
    return {
        "priority": f"Set priority {fields.get('priority')} for",
        "queue": f"Move to queue {fields.get('queue')}",
        "now": "Run now",
        "remove": "Delete",
    }.get(choice.action, choice.action.capitalize())


def _title(choice: Choice) -> str:
    return {"priority": "Change the priority", "queue": "Move jobs to another queue"}.get(
        choice.action, f"{_word(choice)} jobs"
    )


def _done(choice: Choice) -> str:
    fields = choice.deed.fields
    return {
        "priority": f"given priority {fields.get('priority')}",
        "queue": f"moved to queue {fields.get('queue')}",
        "remove": "deleted",
    }.get(choice.action, choice.verb.done)


def _back(form: Values) -> str:
    """Return where the form came from: a path of ours, nothing else."""
    back = form.get("back", "/jobs")
    fine = back.startswith("/") and not back.startswith("//") and "\\" not in back
    return back if fine and back.isascii() and back.isprintable() else "/jobs"
