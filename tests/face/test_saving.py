"""From F2 to the new revision."""

from pydantic import SecretStr

from face.conftest import Console, console_of
from face.scripted import ScriptedAgent, document, refused_password, status
from tm_tui.api.agent import Conflict, Difference, ProblemInfo, Refusal
from tm_tui.api.failures import AgentAbsent, ControlRefused
from tm_tui.api.requests import ProbeRequest, SaveRequest


async def typed(console: Console, text: str = "x") -> None:
    """Change the user name on the TMSP form."""
    await console.open("TMSP")
    await console.go("tmsp.username")
    await console.type(text)
    await console.sees("1 changed")


async def test_a_tested_form_is_saved_without_a_question(agent: ScriptedAgent) -> None:
    """After a successful test of these very values F2 saves at once, and says as which revision."""
    async with console_of(agent.connect) as console:
        await typed(console)
        await console.press("f3")
        await console.sees("Test passed")
        await console.press("f2")
        await console.sees("Saved as revision 18: User name.")
        request = agent.requests[-1]
        assert isinstance(request, SaveRequest)
        assert request.settings["tmsp"]["username"] == "tm01-registerx"
        assert request.secrets.tmsp is None
        assert console.app.main.draft is not None
        assert console.app.main.draft.changed() == ()
        await console.sees("Test passed with the values above")


async def test_save_tests_first_and_saves_when_that_passed(agent: ScriptedAgent) -> None:
    """F2 alone: the values are tested, and in force once they have passed; nothing is asked."""
    async with console_of(agent.connect) as console:
        await typed(console)
        await console.press("f2")
        await console.sees("Saved as revision 18: User name.")
        assert [type(request) for request in agent.requests] == [ProbeRequest, SaveRequest]
        await console.press("end", "y", "f3", "f2")
        await console.sees("Saved as revision 19: User name.")
        assert [type(request) for request in agent.requests].count(ProbeRequest) == 2, "F3's test counts"


async def test_a_failed_test_asks(agent: ScriptedAgent) -> None:
    """What failed is said in words, the hasty answer keeps editing; F6 stands on the trial."""
    agent.probes = [refused_password(), refused_password()]
    async with console_of(agent.connect) as console:
        await typed(console)
        await console.press("f2")
        question = await console.dialog("Save after a FAILED test?")
        assert "log server, authentication: ssh-auth-refused" in question.words
        await console.press("enter")
        await console.until(lambda: console.app.screen is console.app.main)
        assert [type(request) for request in agent.requests] == [ProbeRequest]
        await console.press("f6")
        await console.dialog("Save after a FAILED test?")
        await console.press("escape", "f2")
        await console.dialog("Save after a FAILED test?")
        await console.press("right", "enter")
        await console.sees("Saved as revision 18")


async def test_a_stale_test_is_no_test(agent: ScriptedAgent) -> None:
    """Editing after a test makes F6 ask for untested values, and offers the trial."""
    async with console_of(agent.connect) as console:
        await typed(console)
        await console.press("f3")
        await console.sees("Test passed")
        await console.type("y")
        await console.sees("test again")
        await console.press("f6")
        await console.dialog("changed after the test")
        await console.press("enter")
        await console.sees("Revision 18 on trial")
        assert agent.requests[-1].trial is not None


async def test_a_cancelled_test_saves_nothing(agent: ScriptedAgent) -> None:
    """Esc during F2's test ends both."""
    agent.hold.clear()
    async with console_of(agent.connect) as console:
        await typed(console)
        await console.press("f2")
        await console.sees("Testing the values above")
        await console.press("escape")
        await console.sees("Not saved: you cancelled the test.")
        assert [type(request) for request in agent.requests] == [ProbeRequest]


async def test_nothing_to_save_is_said(agent: ScriptedAgent) -> None:
    """F2 on an unchanged form makes no new revision."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.press("f2")
        await console.sees("Nothing to save")
        assert agent.requests == []


async def test_a_wrong_value_is_shown_where_it_stands(agent: ScriptedAgent) -> None:
    """F2 with a wrong value on another form opens that form at the field."""
    async with console_of(agent.connect) as console:
        await console.open("Proxy Settings")
        await console.press("space")
        await console.open("TMSP")
        await console.press("f2")
        await console.sees("! The address is missing.")
        assert console.app.focused is console.field("proxy.host")


async def test_limits_of_the_log_queue_are_saved_without_a_question(agent: ScriptedAgent) -> None:
    """They say nothing of servers: the form offers no test, and Save asks for none."""
    async with console_of(agent.connect) as console:
        await console.open("Queue Limits")
        await console.sees("not saved" if console.field("spool.max_mib").changed else "saved")
        assert "Test" not in console.rows()[-3]
        await console.press("end", "0", "f3", "f2")
        await console.sees("Saved as revision 18")
        assert agent.requests[0].settings["spool"] == {"max_mib": 10240, "max_days": 14}


async def test_switching_off_states_what_it_means(agent: ScriptedAgent) -> None:
    """Switching TMSP off names the three consequences and how to unregister this edition, and asks."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.press("space", "f2")
        question = await console.dialog("Switch off sending to TMSP?")
        for words in ("stops sending logs", "no longer downloaded", "hold no data", "representative"):
            assert words in question.words
        await console.press("escape")
        assert agent.requests == []
        await console.press("f2")
        await console.dialog("Switch off")
        await console.press("right", "enter")
        await console.sees("Saved as revision 18: sending is now OFF.")


async def test_on_premise_is_unregistered_on_the_portal() -> None:
    """The on-premise edition is told about the Registered Products screen instead."""
    hosts = {"log_server": {"host": "192.0.2.1"}, "status_server": {"host": "192.0.2.2"}}
    agent = ScriptedAgent(document(edition="on-premise", **hosts))
    agent.statuses.put_nowait(status())
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.press("space", "f2")
        await console.dialog("Registered Products")


def conflict() -> Conflict:
    """Somebody saved revision 18 meanwhile."""
    change = Difference(field="tmsp.email", old="ops@example.com", new="new@example.com")
    return Conflict(current=document(18, email="new@example.com"), changes=(change,))


async def test_a_conflict_shows_who_and_what_and_keeps_mine(agent: ScriptedAgent) -> None:
    """Somebody else saved: who, when, which field; mine can go on top of theirs."""
    agent.conflict = conflict()
    async with console_of(agent.connect) as console:
        await typed(console)
        await console.press("f3")
        await console.sees("Test passed")
        await console.press("f2")
        question = await console.dialog("Somebody else saved")
        for words in (
            *("admin (ttyS0)", "revision 18", "2026-11-22"),
            "E-mail\n    before  ops@example.com\n    theirs  new@example.com\n    yours   as before",
            "User name\n    before  tm01-register\n    theirs  as before\n    yours   tm01-registerx",
        ):
            assert words in question.words
        await console.press("right", "enter")
        await console.sees("test and save again")
        draft = console.app.main.draft
        assert draft is not None
        assert draft.base.revision == 18
        assert console.field("tmsp.username").value == "tm01-registerx"
        assert console.field("tmsp.email").value == "new@example.com"
        assert draft.changed() == ("tmsp.username",)


async def test_a_conflict_can_take_theirs_or_wait(agent: ScriptedAgent) -> None:
    """Esc decides nothing and loses nothing; taking theirs shows theirs."""
    agent.conflict = conflict()
    async with console_of(agent.connect) as console:
        await typed(console)
        await console.press("f2")
        await console.dialog("Somebody else saved")
        await console.press("escape")
        await console.sees("save again to decide")
        assert console.field("tmsp.username").value == "tm01-registerx"
        agent.conflict = conflict()
        await console.press("f2")
        await console.dialog("Somebody else saved")
        await console.press("right", "right", "enter")
        await console.until(lambda: console.field("tmsp.username").value == "tm01-register")
        assert console.field("tmsp.email").value == "new@example.com"


async def test_problems_the_agent_finds_land_at_their_fields(agent: ScriptedAgent) -> None:
    """A 422 is shown at the field it names, on the form that has it."""
    problem = ProblemInfo(field="trust.ca_file", cause="There is no such file.", remedy="Give another path.")
    refusal = Refusal(code="settings", cause="A value is wrong.", remedy="Correct it.", problems=(problem,))

    async def refuse(*_: object) -> None:
        raise ControlRefused(422, refusal)

    agent.save = refuse  # type: ignore[method-assign, assignment]
    async with console_of(agent.connect) as console:
        await console.open("Server Identity")
        await console.go("trust.ca_file")
        await console.type("/nowhere.pem")
        await console.open("TMSP")
        await console.go("tmsp.password")
        await console.type("again, for another CA file")
        await console.press("f2")
        await console.sees("There is no such file. Give another path.")
        assert console.app.focused is console.field("trust.ca_file")
        await console.sees("Not saved: A value is wrong.")


async def test_a_save_without_an_agent_loses_nothing(agent: ScriptedAgent) -> None:
    """The agent dies before the save: cause and remedy are shown, and every typed value stays."""

    async def gone(*_: object) -> None:
        raise AgentAbsent("The agent has ended.")

    agent.save = gone  # type: ignore[method-assign, assignment]
    async with console_of(agent.connect) as console:
        await typed(console)
        console.app.main.edit_secret("tmsp", SecretStr("geheim"))
        await console.press("f2")
        question = await console.dialog("Not saved")
        assert "Start it with" in question.words
        await console.press("enter")
        draft = console.app.main.draft
        assert draft is not None
        assert draft.changed() == ("tmsp.username", "tmsp.password")
