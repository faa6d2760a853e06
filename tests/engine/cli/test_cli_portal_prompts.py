"""The portal's own prompts for passwords keep the rules of all hidden prompts."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from test_cli_hidden import Prompt


@pytest.fixture
def home(portal: dict) -> Path:
    """The home of a portal."""
    return Path(portal["password_file"]).parent


@pytest.fixture(params=["account", "operator"])
def asking(request: pytest.FixtureRequest, home: Path) -> Iterator[Callable[[str], Prompt]]:
    """Ask for the password of a new account or operator of this name."""
    prompts = []

    def ask(name: str) -> Prompt:
        prompt = Prompt("portal", "--home", str(home), request.param, "add", f"{name}-{request.param}")
        prompts.append(prompt)
        prompt.wait_for(b"Password: ")
        return prompt

    yield ask
    for prompt in prompts:
        with closing(prompt):
            pass


def test_a_password_is_edited_with_both_erase_keys(asking: Callable[[str], Prompt]) -> None:
    """What was erased is no part of it: typed once with ^H and once with ^?, it is the same."""
    prompt = asking("edited")
    prompt.type(b"canarz\x08y-portal\r")
    prompt.wait_for(b"The same again: ")
    prompt.type(b"canarx\x7fy-portal\r")
    assert prompt.end() == 0, prompt.shown
    assert b"made." in prompt.shown
    assert prompt.echoes


def test_two_that_differ_change_nothing(asking: Callable[[str], Prompt]) -> None:
    """A slip of the finger is noticed before the account is made."""
    prompt = asking("slipped")
    prompt.type(b"canary-one\r")
    prompt.wait_for(b"The same again: ")
    prompt.type(b"canary-two\r")
    assert prompt.end() == 1
    assert b"not the same" in prompt.shown


@pytest.mark.parametrize("typed", [b"can\x1b[Dary", "can\u200bary".encode(), b"can\xffary", b"can\tary"])
def test_what_no_appliance_could_type_is_refused(asking: Callable[[str], Prompt], typed: bytes) -> None:
    """An arrow key, an invisible sign or noise never becomes part of a password."""
    prompt = asking("odd")
    prompt.type(typed + b"\r")
    prompt.wait_for(b"The same again: ")
    prompt.type(typed + b"\r")
    assert prompt.end() == 1
    assert b"made." not in prompt.shown


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_gives_the_echo_back(asking: Callable[[str], Prompt], number: signal.Signals) -> None:
    """Whatever ends the command, the terminal shows again what is typed."""
    prompt = asking("ended")
    assert not prompt.echoes
    prompt.process.send_signal(number)
    prompt.end()
    assert prompt.echoes
