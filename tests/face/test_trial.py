"""Settings on trial, the history and the other admins, as the console shows them."""

from datetime import timedelta

from msgspec import structs

from face.conftest import Console, console_of
from face.scripted import NOON, ScriptedAgent, document, status
from screens.flows.on_trial import time_left
from screens.widgets.pick_list import PickList
from tm_tui.api.agent import Difference, RevisionInfo, RollbackInfo, SessionEntry, TrialEnd, TrialInfo
from tm_tui.api.requests import RestoreRequest, SaveRequest, TrialRequest

TRIAL = TrialInfo(
    revision=17,
    previous=16,
    minutes=10,
    started_by="admin",
    started_at=NOON,
    left_seconds=540.0,
    answered=("status server",),
    waiting=("log server",),
)
ROLLBACK = RollbackInfo(
    trial=17,
    previous=16,
    revision=18,
    at=NOON,
    started_by="admin",
    why="Trial of revision 17 not confirmed within 10 min",
)


def tell(agent: ScriptedAgent, **more: object) -> None:
    """Push a snapshot."""
    agent.statuses.put_nowait(status(**more))  # type: ignore[arg-type]


async def typed(console: Console) -> None:
    await console.open("TMSP")
    await console.go("tmsp.username")
    await console.type("x")
    await console.sees("1 changed")


async def test_a_save_on_trial_with_a_note(agent: ScriptedAgent) -> None:
    """F6 saves on trial; the note goes along, and the footer says how to confirm."""
    async with console_of(agent.connect) as console:
        await typed(console)
        assert "F6 Try" in console.rows()[-1]
        await console.press("f6")
        await console.dialog("Save untested?")
        await console.press("tab")
        await console.type("as agreed")
        await console.press("shift+tab", "enter")
        await console.sees("Revision 18 on trial: User name.")
        request = agent.requests[-1]
        assert isinstance(request, SaveRequest)
        assert (request.trial, request.note) == (TrialRequest(), "as agreed")


async def test_a_tested_form_can_be_noted_too(agent: ScriptedAgent) -> None:
    """F6 asks even where F2 does not, and its safe answer saves nothing."""
    async with console_of(agent.connect) as console:
        await typed(console)
        await console.press("f3")
        await console.sees("Test passed")
        saves = len(agent.requests)
        await console.press("f6")
        await console.dialog("Save how?")
        await console.press("escape")
        await console.sees("1 changed")
        assert len(agent.requests) == saves
        await console.press("ctrl+r")
        await console.dialog("Save how?")
        await console.press("left", "enter")
        await console.sees("Saved as revision 18: User name.")
        assert agent.requests[-1].trial is None


async def test_the_countdown_is_in_sight_everywhere(agent: ScriptedAgent) -> None:
    """Every console shows what is on trial and how long; F6 confirms it there."""
    async with console_of(agent.connect) as console:
        tell(agent, trial=TRIAL)
        await console.sees("TRIAL 9:00  status server ok, log server waiting  F6 keeps")
        console.clock.second += 500
        await console.sees("TRIAL 0:40  status server ok")
        assert "F6 Keep" in console.rows()[-1]
        await console.press("f6")
        question = await console.dialog("Keep revision 17?")
        assert "revision 16 come back" in question.words
        assert "It stays once the log server answered" in question.words
        await console.press("right", "right", "enter")
        await console.until(lambda: ("confirm", 17) in agent.requests)
        ended = TrialEnd(revision=17, at=NOON, how="confirmed by the log server: it stays")
        tell(agent, trial_ended=ended)
        await console.until(lambda: "TRIAL" not in console.screen_text())
        await console.sees("Trial of revision 17: confirmed by the log server: it st")


async def test_a_trial_is_taken_back_from_the_console(agent: ScriptedAgent) -> None:
    """Whoever may write may end it early."""
    async with console_of(agent.connect) as console:
        tell(agent, trial=TRIAL)
        await console.sees("TRIAL 9:00")
        await console.press("f6")
        await console.dialog("Keep revision 17?")
        await console.press("right", "enter")
        await console.until(lambda: ("end", 17) in agent.requests)
        how = "taken back by root: revision 16's settings are in force"
        tell(agent, trial_ended=TrialEnd(revision=17, at=NOON, how=how))
        await console.until(lambda: "TRIAL" not in console.screen_text())
        await console.sees("Trial of revision 17: taken back by root: revision 16's")


async def test_a_rollback_is_told_until_it_was_seen(agent: ScriptedAgent) -> None:
    """Who was not there learns that a trial was taken back, once a logon, until one says it was seen."""
    async with console_of(agent.connect) as console:
        tell(agent, rollback=ROLLBACK)
        question = await console.dialog("A trial was taken back")
        assert "not confirmed within 10 min" in question.words
        await console.press("escape")
        tell(agent, rollback=ROLLBACK)
        await console.sees("TMSP  CONNECTED")
        assert "seen" not in agent.requests
    agent.statuses.put_nowait(status(rollback=ROLLBACK))
    async with console_of(agent.connect) as console:
        await console.dialog("A trial was taken back")
        await console.press("right", "enter")
        await console.until(lambda: "seen" in agent.requests)


async def test_who_may_only_look_decides_nothing() -> None:
    """A reader sees the countdown, and neither key nor question."""
    agent = ScriptedAgent(role="read")
    agent.statuses.put_nowait(status(trial=TRIAL, rollback=ROLLBACK))
    async with console_of(agent.connect) as console:
        await console.sees("TRIAL 9:00")
        assert "F6" not in console.rows()[-1]
        await console.press("f6")
        assert console.app.screen is console.app.main


async def test_the_others_are_in_sight(agent: ScriptedAgent) -> None:
    """The header counts the consoles, the Sessions page names them and what they edit."""
    sessions = (
        SessionEntry(user="admin", role="write", tty="ttyS0", id="a", seconds=60.0),
        SessionEntry(
            user="root",
            role="write",
            tty="pts/1",
            ssh_from="192.0.2.7",
            id="b",
            seconds=5.0,
            editing=("TMSP",),
        ),
    )
    async with console_of(agent.connect) as console:
        tell(agent, sessions=sessions)
        await console.sees("2 on")
        await console.open("Sessions")
        await console.sees("root (pts/1 from 192.0.2.7)")
        await console.sees("edits TMSP")
        tell(agent, sessions=sessions[:1])
        await console.until(lambda: "2 on" not in console.rows()[0])


async def test_what_is_typed_here_is_told_to_the_others(agent: ScriptedAgent) -> None:
    """A form that holds something unsaved is named to the agent, and named no more when it is discarded."""
    async with console_of(agent.connect) as console:
        await typed(console)
        await console.until(lambda: agent.edited and agent.edited[-1] == ("TMSP",))
        await console.press("escape")
        await console.dialog("Discard")
        await console.press("right", "enter")
        await console.until(lambda: agent.edited[-1] == ())


def history() -> tuple[RevisionInfo, ...]:
    kinds = {16: "save", 15: "rollback", 14: "trial", 13: "save"}
    return (
        RevisionInfo(revision=17, saved_at=NOON, saved_by="root", tty="pts/0", ssh_from="192.0.2.7"),
        *(
            RevisionInfo(
                revision=number,
                saved_at=NOON - timedelta(days=17 - number),
                saved_by="admin",
                kind=kind,  # type: ignore[arg-type]
                of=13 if kind == "rollback" else None,
                outcome="rolled-back" if kind == "trial" else None,
                note="as agreed" if number == 16 else "",
            )
            for number, kind in kinds.items()
        ),
    )


CHANGES = (
    Difference(field="tmsp.log_server.host", old="a.example.com", new="b.example.com"),
    Difference(field="tmsp.password", old="set", new="changed"),
)


async def test_the_history_compares_and_goes_back(agent: ScriptedAgent) -> None:
    """Who changed what and why is a list; Enter compares, and from there an old state is saved again."""
    agent.saved = history()
    agent.changes = {(15, 16): CHANGES, (16, 17): CHANGES[:1]}
    async with console_of(agent.connect) as console:
        await console.open("Change History")
        await console.sees("root (pts/0 from 192.0.2.7)")
        await console.sees("trial taken back")
        await console.sees("trial ended, back to 13")
        assert isinstance(console.app.focused, PickList)
        await console.press("down", "enter")
        question = await console.dialog("Revision 16")
        assert "as agreed" in question.words
        assert "Log server: a.example.com -> b.example.com" in question.words
        assert "Password: set -> changed" in question.words
        assert "Since then, up to revision 17" in question.words
        await console.press("right", "enter")
        await console.dialog("Go back to revision 16?")
        await console.press("right", "right", "enter")
        await console.sees("has the settings of revision 16")
        assert agent.requests[-1] == ("restore", 16, 17, RestoreRequest(trial=TrialRequest()))


async def test_readers_compare_and_do_not_go_back() -> None:
    """Who may only look sees every difference and no way back."""
    agent = ScriptedAgent(role="read")
    agent.statuses.put_nowait(status())
    agent.saved = history()
    async with console_of(agent.connect) as console:
        await console.open("Change History")
        await console.press("down", "enter")
        await console.dialog("Revision 16")
        assert "Go back" not in console.screen_text()


async def test_who_is_waited_for_is_said_beside_a_notice(agent: ScriptedAgent) -> None:
    """In the minute after the save it counts which server has not answered: a narrower wording says it."""
    async with console_of(agent.connect) as console:
        await typed(console)
        await console.press("f6")
        await console.dialog("Save untested?")
        await console.press("enter")
        tell(agent, trial=TRIAL)
        await console.sees("Revision 18 on trial: User name.")
        await console.sees("TRIAL 9:00  log server waiting  F6 keeps")


def test_a_countdown_takes_the_words_that_fit() -> None:
    """Whatever the room, it is never cut: the servers, those that are waited for, or the time alone."""
    both = structs.replace(TRIAL, answered=(), waiting=("status server", "log server"))
    assert time_left(TRIAL, 540.0, 60) == "TRIAL 9:00  status server ok, log server waiting  F6 keeps"
    assert time_left(TRIAL, 540.0, 40) == "TRIAL 9:00  log server waiting  F6 keeps"
    assert time_left(both, 540.0, 40) == "TRIAL 9:00  both waiting  F6 keeps"
    assert time_left(TRIAL, 540.0, 20) == "TRIAL 9:00  F6 keeps"


async def test_how_a_trial_ended_is_not_overtaken_by_the_revision_that_it_left(agent: ScriptedAgent) -> None:
    """Taking back is a revision of its own: that somebody saved it is not told on top of how it ended."""
    async with console_of(agent.connect) as console:
        tell(agent, trial=TRIAL)
        await console.sees("TRIAL 9:00")
        agent.document = document(18)
        how = "taken back by root: revision 16's settings are in force"
        tell(agent, trial_ended=TrialEnd(revision=17, at=NOON, how=how), revision=18)
        await console.sees("revision 18")
        await console.sees("Trial of revision 17: taken back by root")
