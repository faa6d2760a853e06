"""The connection test on the screen."""

from face.conftest import console_of
from face.scripted import PASSED, ScriptedAgent, document, host_key_in_the_way, refused_password
from tm_tui.api.requests import ApproveRequest, ProbeRequest


async def test_unsaved_values_are_tested(agent: ScriptedAgent) -> None:
    """F3 sends what stands on the form, saved or not, and shows the steps with their times."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.type("x")
        await console.press("f3")
        await console.sees("Test passed with the values above")
        await console.sees("16 / 16")
        await console.sees("ok   log server     host_key is fine")
        await console.sees("98 ms")
        request = agent.requests[0]
        assert isinstance(request, ProbeRequest)
        assert request.settings is not None
        assert request.settings["tmsp"]["username"] == "tm01-registerx"


async def test_what_is_in_force_is_tested_below_what_was_typed(agent: ScriptedAgent) -> None:
    """Somebody else saved a CA file meanwhile: the test of this form counts with it, and says so."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.type("x")
        newer = document(18, username="somebody-elses").settings
        newer["trust"]["ca_file"] = "/etc/portal-ca.pem"
        agent.document = type(agent.document)(**agent.document.fields() | {"revision": 18, "settings": newer})
        await console.press("f3")
        await console.sees("Test passed with the values above")
        await console.sees("Tested on top of revision 18")
        request = agent.requests[0]
        assert isinstance(request, ProbeRequest)
        assert request.settings is not None
        assert request.settings["trust"]["ca_file"] == "/etc/portal-ca.pem"
        assert request.settings["tmsp"]["username"] == "tm01-registerx"


async def test_a_failure_says_cause_and_remedy_and_help_explains(agent: ScriptedAgent) -> None:
    """The failed step stands on top with its code, cause and remedy; F1 has them in full."""
    agent.probes = [refused_password()]
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.press("f3")
        await console.sees("FAIL log server     authentication  ssh-auth-refused")
        await console.sees('      Use the "registering products" account of the portal, not your logon.')
        await console.sees("ok   status server")
        await console.sees("Test FAILED at 1 step")
        await console.press("f1")
        await console.sees("ssh-auth-refused")
        await console.sees("What to do: Use the")
        await console.press("escape")
        await console.until(lambda: console.app.screen is console.app.main)


async def test_enter_on_a_failure_goes_to_its_field(agent: ScriptedAgent) -> None:
    """Page Down, or Tab behind the last button, leads to the failure; Enter there to its cause."""
    agent.probes = [refused_password()]
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.press("f3")
        await console.sees("Test FAILED")
        await console.press("pagedown")
        await console.sees(">FAIL log server")
        await console.press("enter")
        await console.until(lambda: console.app.focused is console.field("tmsp.password"))
        await console.go("tmsp.enabled")
        await console.press("shift+tab")
        await console.sees(">FAIL log server")
        await console.press("tab")
        await console.until(lambda: console.app.focused is console.field("tmsp.enabled"))


async def test_escape_puts_a_test_away(agent: ScriptedAgent) -> None:
    """Esc closes what the test said, and the next one leaves the form; a new test shows again."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.press("f3")
        await console.sees("Test passed")
        await console.press("escape")
        await console.until(lambda: "Test passed" not in console.screen_text())
        await console.press("f3")
        await console.sees("Test passed")
        await console.press("escape", "escape")
        await console.sees("credentials, intervals.")


async def test_a_page_that_cannot_test_shows_none(agent: ScriptedAgent) -> None:
    """Neither key nor button nor a former test stands where there is nothing to test."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.press("f3")
        await console.sees("Test passed")
        await console.open("Console")
        await console.press("f3")
        assert "Test" not in console.screen_text()


async def test_a_running_test_is_cancelled_by_the_same_key(agent: ScriptedAgent) -> None:
    """F3 again, or Esc, ends a test that hangs, in the agent too."""
    agent.hold.clear()
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        for key in ("f3", "escape"):
            await console.press("f3")
            await console.sees("Testing the values above")
            await console.sees("16 / 16")
            await console.press(key)
            await console.sees("You cancelled the test.")
        assert console.app.main.draft is not None
        assert console.app.main.draft.test == "untested"


async def test_wrong_values_are_not_tested(agent: ScriptedAgent) -> None:
    """A value that is wrong is shown at its field instead of a test that must fail."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.status_server.port")
        await console.press("ctrl+u")
        await console.type("99999")
        await console.go("tmsp.enabled")
        await console.press("f3")
        await console.sees("!Status port     99999_")
        await console.until(lambda: console.app.focused is console.field("tmsp.password"))
        assert agent.requests == []


async def test_an_unknown_host_key_is_shown_and_approved(agent: ScriptedAgent) -> None:
    """The key's endpoint, algorithm and fingerprint, what to compare it with; approved, the test goes on."""
    agent.probes = [host_key_in_the_way(), PASSED]
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.press("f3")
        question = await console.dialog("[logs.example.com]:22")
        for words in ("ssh-ed25519", "SHA256:  uNiV ztks", "support provider"):
            assert words in question.words
        await console.press("right", "enter")
        await console.sees("Test passed")
        approval = agent.requests[1]
        assert isinstance(approval, ApproveRequest)
        assert approval.fingerprint == "SHA256:uNiVztksCsDhcc0u9e8BrrJXVuNKLCYBpMIoQUJDnZc"


async def test_a_refused_host_key_ends_the_test(agent: ScriptedAgent) -> None:
    """Enter and Esc refuse: nothing is approved, and the test stays failed."""
    agent.probes = [host_key_in_the_way(), host_key_in_the_way()]
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        for key in ("enter", "escape"):
            await console.press("f3")
            await console.dialog("Is this the log server?")
            await console.press(key)
            await console.sees("Host key refused")
        assert all(isinstance(request, ProbeRequest) for request in agent.requests)


async def test_a_changed_host_key_takes_two_steps(agent: ScriptedAgent) -> None:
    """The old key is forgotten by a step and a confirmation of its own, before the new one is shown."""
    agent.probes = [host_key_in_the_way("changed"), PASSED]
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.press("f3")
        await console.dialog("has CHANGED")
        await console.press("right", "enter")
        await console.dialog("Forget this host key?")
        assert ("forget", "[logs.example.com]:22") not in agent.requests
        await console.press("right", "enter")
        await console.dialog("Is this the log server?")
        assert ("forget", "[logs.example.com]:22") in agent.requests
        await console.press("right", "enter")
        await console.sees("Test passed")


async def test_keeping_a_changed_key_changes_nothing(agent: ScriptedAgent) -> None:
    """Enter on the warning keeps the old key."""
    agent.probes = [host_key_in_the_way("changed")]
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.press("f3")
        await console.dialog("has CHANGED")
        await console.press("enter")
        await console.until(lambda: console.app.screen is console.app.main)
        assert len(agent.requests) == 1


async def test_editing_makes_the_result_old(agent: ScriptedAgent) -> None:
    """After a change the pane says that other values were tested; changed back, it holds again."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.press("f3")
        await console.sees("Test passed with the values above")
        await console.go("tmsp.email")
        await console.type("m")
        await console.sees("the tested values changed")
        assert "log server  " not in console.screen_text(), (
            "a single rule is left of the test of other values"
        )
        await console.press("backspace")
        await console.sees("Test passed with the values above")
