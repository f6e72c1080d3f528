"""`queuectl web token`: say who may use the dashboard and the API. Knows nothing of either."""

from __future__ import annotations

from queuectl_core.cli.caller import caller
from queuectl_core.cli.text import when
from queuectl_core.services import tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session


def add_token(session: Session, args: Args) -> int:
    """Make a token and print it."""
    name, role = args.text("<name>") or "", args.text("--role") or tokens.ROLES[0]
    made = tokens.add(session.store, name, role, by=caller(), now_ms=session.clock.now_ms())
    if session.out.as_json:
        session.out.record({"name": made.name, "role": made.role, "token": made.secret})
    elif session.out.quiet:
        session.out.line(made.secret)
    else:
        session.out.line(f"Token {made.name} ({made.role}), shown this once: {made.secret}")
    return 0


def list_tokens(session: Session, _args: Args) -> int:
    """Print the tokens."""
    from queuectl_core.cli.table import Table  # noqa: PLC0415 - 3 ms; add and rm have no table

    found = session.looking.access().tokens()
    if session.out.as_json:
        for token in found:
            session.out.record(tokens.record(token))
    elif found:
        Table(session.out, "NAME", "ROLE", "MADE", "USED").rows(
            [
                [
                    token.name,
                    token.role,
                    when(session, token.created_at_ms),
                    "never" if token.used_at_ms is None else when(session, token.used_at_ms),
                ]
                for token in found
            ]
        )
    else:
        session.out.note("no tokens")
    return 0


def remove_token(session: Session, args: Args) -> int:
    """Take a token back."""
    name = args.text("<name>") or ""
    tokens.remove(session.store, name, by=caller(), now_ms=session.clock.now_ms())
    if not session.out.quiet:
        session.out.line(f"Removed token {name}")
    return 0


COMMANDS: Mapping[str, Command] = {
    "web token add": add_token,
    "web token list": list_tokens,
    "web token rm": remove_token,
}
