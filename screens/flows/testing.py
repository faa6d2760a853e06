"""The connection test, from F3 to the report; an unknown host key is decided about on the way."""

from contextlib import aclosing
from typing import TYPE_CHECKING

from screens.desk.causes import refused_fields
from screens.desk.field_words import field_name
from screens.desk.forms import in_order
from screens.desk.probing import Probing
from screens.flows.host_keys import decide
from tm_tui.api.agent import HostKeyInfo, ProbeReport
from tm_tui.api.failures import ControlRefused
from tm_tui.api.requests import ProbeRequest
from tm_tui.errors import Problem, TmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from screens.desk.desk import Desk
    from screens.desk.draft import Draft

__all__ = ["not_done", "run_test"]

_MOST_KEYS = 4
"""How many host keys one press of F3 may ask about, so that a server that changes them ends it."""


async def run_test(desk: "Desk") -> bool:
    """Test the values on the form; after an approved host key, once more. Whether that came to its end."""
    draft = desk.draft
    if draft is None:
        return False
    if problems := draft.problems():
        not_done(desk, "tested", problems)
        return False
    for _ in range(_MOST_KEYS):
        await _one_test(desk, draft)
        key = _open_question(desk.probing)
        if key is None:
            return desk.probing is not None and desk.probing.report is not None
        if not await decide(desk, draft, key):
            return False
    return True


def not_done(desk: "Desk", what: str, problems: "Mapping[str, Problem]") -> None:
    """Go to the first field that is wrong, which has cause and remedy beside it, and name all that fit."""
    desk.go_to_problems(problems)
    names = [field_name(key) for key in in_order(problems)]
    all_of_them, *fewer = (
        f"Not {what}: correct {', '.join(names[:most])}{more}."
        for most in range(len(names), 0, -1)
        for more in ([f" and {len(names) - most} more"] if most < len(names) else [""])
    )
    last = (f"Not {what}: correct {names[0]}.", f"Not {what}: a value is wrong.")
    desk.tell(all_of_them, wrong=True, shorter=(*fewer, *last))


async def _one_test(desk: "Desk", draft: "Draft") -> None:
    """Test what was typed on top of the settings in force, which may be newer than the form's."""
    of = draft.fingerprint()
    desk.probing = Probing(of, desk.clock.monotonic())
    try:
        in_force = await desk.agent.settings()
        if in_force.revision != draft.base.revision:
            who = in_force.saved_by or "Somebody"
            desk.tell(f"Tested on top of revision {in_force.revision}, which {who} saved meanwhile.")
        wanted = draft.rebased(in_force)
        request = ProbeRequest(settings=wanted.checked(), secrets=wanted.secret_changes())
        desk.goes_on()
        async with aclosing(desk.agent.probe(request)) as events:
            async for event in events:
                if isinstance(event, ProbeReport):
                    desk.probing = desk.probing.with_report(event, desk.clock.monotonic())
                    break
                desk.probing = desk.probing.with_step(event)
    except TmError as error:
        if isinstance(error, ControlRefused) and (found := refused_fields(error)):
            desk.go_to_problems(found)
        desk.probing = desk.probing.broken_off(error.cause, error.remedy, desk.clock.monotonic())
    if desk.draft is not None and desk.probing.report is not None:
        desk.draft = desk.draft.with_test(of, passed=desk.probing.passed)


def _open_question(probing: Probing | None) -> HostKeyInfo | None:
    """The host key that stands in the way, if one does."""
    for step in probing.failed if probing else ():
        if step.host_key is not None and step.host_key.state != "approved":
            return step.host_key
    return None
