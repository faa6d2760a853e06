"""The same menu as on the screen, walked by numbers: one question at a time until the admin leaves."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from screens.desk import menu
from screens.desk.bugs import Bugs
from screens.desk.elsewhere import adopted, edited_by
from screens.desk.private import Nobody, Private
from screens.desk.seen import Seen
from screens.flows.idle import keep, last_words, offer_draft
from screens.flows.leaving import ENDED, ending_asked, leaving_asked
from screens.flows.on_trial import how_it_ended
from screens.plain.commands import help_of, run_command
from screens.plain.desk import PlainDesk
from screens.plain.form import Form
from screens.plain.lines import Ended, Lines, LoggedOut
from tm_tui.api.client import ControlClient
from tm_tui.api.registration_words import comes_back
from tm_tui.cli.status import one_line
from tm_tui.clock import SystemClock
from tm_tui.errors import TmError
from tm_tui.harden import harden

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from screens.desk.menu import Entry
    from tm_tui.paths import Home

__all__ = ["run_plain"]

_PATIENCE = 5.0
_PROMPT = "Number (m menu, ? help)"
_HELP = (
    "A number opens what the menu names; m shows the menu, q leaves, Enter alone says how it stands now.",
    "Below a screen, 'See also' names the numbers of those that lead on.",
    "In a form q goes back here; a question takes its safe answer by Enter alone.",
    "`tm-tui --help` names the commands that do the same without questions.",
)
_SILENT = f"The agent has not answered for {_PATIENCE:.0f} s; what was told before is old. Waiting for it."


def run_plain(home: "Home", *, locked: bool = False) -> int:
    """Walk the menu on standard input and output. Returns the exit code (0: the admin left).

    A `locked` console starts no private agent.
    """
    harden(writes=not locked)
    with suppress(Ended):  # hung up: the agent goes on, a private one ends with us
        asyncio.run(_run(home, locked=locked))
    return 0


async def _run(home: "Home", *, locked: bool) -> None:
    lines = Lines()
    desk = PlainDesk(lines, SystemClock())
    ours = False
    lines.say("Threat Mitigator, the console in plain lines. Answer with a number or a letter, then Enter.")
    helper = Nobody() if locked else Private(home)
    async with helper as private, ControlClient(home.control_socket) as client:
        try:
            ours = await private.ready()
            if ours:
                lines.say("No agent ran: this console has started one that ends with it.")
        except TmError as error:
            desk.tell(f"{error.cause} {error.remedy}", wrong=True)
        desk.agent = client
        contained = _Contained(desk, reports=not locked)
        try:
            await contained(_refresh(desk, client))
            await contained(_offer(desk))
            _show_menu(lines)
            while await _step(desk, client, contained) or not await _may_leave(desk, private=ours):
                pass
            if ours and desk.sends:
                lines.say(ENDED)
        except LoggedOut as out:
            kept = await keep(desk) and not ours
            lines.say("", last_words(out.minutes, desk.draft, kept=kept, ended=ours and desk.sends))


class _Contained:
    """Runs a page or a command; a bug in it is told, and the menu comes again."""

    def __init__(self, desk: PlainDesk, *, reports: bool) -> None:
        self._desk, self._reports, self._bugs = desk, reports, Bugs()

    async def __call__(self, work: "Coroutine[Any, Any, None]") -> None:
        """Do the work. Raises Ended, and nothing else but what saying so raises."""
        try:
            await work
        except Ended:
            raise
        except Exception as error:  # noqa: BLE001  told with its report; the console goes on
            words = self._bugs.words("This cannot be shown", error, reports=self._reports)
            self._desk.tell(words, wrong=True)


async def _offer(desk: PlainDesk) -> None:
    """Offer what the same user had typed when a console logged out."""
    if not desk.read_only:
        try:
            await offer_draft(desk)
        except TmError as error:
            desk.tell(f"{error.cause} {error.remedy}", wrong=True)


async def _step(desk: PlainDesk, client: ControlClient, contained: _Contained) -> bool:
    """Go where the admin says; False to leave."""
    entries = menu.entries()
    typed = (await desk.lines.ask(_PROMPT)).strip().lower()
    if typed in {"0", "q"}:
        return False
    if typed == "m":
        _show_menu(desk.lines)
    elif typed == "?":
        desk.lines.say(*_HELP)
    elif not typed:
        await contained(_refresh(desk, client))
    elif typed.isascii() and typed.isdigit() and 1 <= int(typed) <= len(entries):
        await contained(_open(desk, client, entries[int(typed) - 1]))
        await contained(_refresh(desk, client))
    else:
        desk.lines.say(f"There is no choice {typed[:20]!r}: type a number from 1 to {len(entries)}, or q.")
    return True


def _show_menu(lines: Lines) -> None:
    lines.say("")
    for number, entry in enumerate(menu.entries(), 1):
        lines.say(f" {number:>2}  {entry.path}")
    lines.say("  q  Leave")


async def _may_leave(desk: PlainDesk, *, private: bool) -> bool:
    """Ask what would be lost: what is typed, and the beats of an agent that ends with this console."""
    changed = desk.draft.changed() if desk.draft else ()
    if changed and not await leaving_asked(desk, changed):
        return False
    return not (private and desk.sends) or await ending_asked(desk)


async def _refresh(desk: PlainDesk, client: ControlClient) -> None:
    """Say how things stand, and take over what others saved."""
    waiting = asyncio.get_running_loop().call_later(_PATIENCE, desk.tell, _SILENT)
    try:
        session, status = await client.session(), await client.status()
        desk.read_only = session.role == "read"
        desk.draft, words = adopted(desk.draft, await client.settings())
    except TmError as error:
        desk.tell(f"{error.cause} {error.remedy}", wrong=True)
        return
    finally:
        waiting.cancel()
    desk.lines.idle_minutes = int(str(desk.draft.saved_value("console.idle_minutes") or 0))
    desk.lines.say("", one_line(status))
    desk.comes_back = comes_back(status.status_server)
    before, desk.trial = desk.trial, status.trial.revision if status.trial else None
    if before is not None and desk.trial is None and status.trial_ended is not None:
        desk.tell(how_it_ended(status.trial_ended))
    if status.alerts != desk.alerts:
        desk.lines.say(*(f"! {alert}" for alert in status.alerts))
        desk.alerts = status.alerts
    if words:
        desk.tell(words)
    if desk.read_only:
        desk.tell(f"{session.user} may only look.")


async def _open(desk: PlainDesk, client: ControlClient, entry: "Entry") -> None:
    """Show a form, or what the entry's first command says; then its other commands, and where to go on."""
    await _show(desk, client, entry)
    numbers = {one.name: number for number, one in enumerate(menu.entries(), 1)}
    also = [f"{numbers[one.name]} {one.title}" for one in menu.beside(entry)]
    desk.lines.say(*([f"See also: {', '.join(also)}"] if also else []))


async def _show(desk: PlainDesk, client: ControlClient, entry: "Entry") -> None:
    keys = entry.edits()
    if keys and desk.draft is not None:
        now = desk.clock.monotonic()
        if words := edited_by(Seen(await client.status(), now), entry.name, now):
            desk.tell(words, wrong=True)
        await Form(desk, entry.path, entry.form).run()
    elif entry.commands:
        desk.lines.say("", entry.path)
        await run_command(desk, entry.commands[0])
    more = entry.commands if keys else entry.commands[1:]
    while more and not desk.read_only:
        desk.lines.say("", entry.path)
        chosen = await desk.lines.choose(
            "Choose", [help_of(command) for command in more], kept="back to the menu"
        )
        if chosen is None:
            return
        await run_command(desk, more[chosen])
