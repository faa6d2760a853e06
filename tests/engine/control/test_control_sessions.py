"""Who is on, who edits what, and what an idle console leaves behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from agents import CANARY, LIMIT, status_when
from tm_tui.agent.agent import Agent
from tm_tui.api.agent import AgentStatus, ProbeReport, SettingsDocument
from tm_tui.api.claims import own_claims
from tm_tui.api.client import ControlClient
from tm_tui.api.failures import ControlRefused, SaveConflict
from tm_tui.api.requests import DraftRequest, ProbeRequest, SaveRequest, SecretChanges, TrialRequest
from tm_tui.paths import Home


@asynccontextmanager
async def console(home: Home, name: str) -> AsyncIterator[ControlClient]:
    """A console that follows the status for as long as this lasts."""
    on = asyncio.Event()
    async with ControlClient(home.control_socket, session=name) as client:

        async def follow() -> None:
            async for _ in client.status_stream():
                on.set()

        following = asyncio.create_task(follow())
        try:
            async with asyncio.timeout(LIMIT):
                await on.wait()
            yield client
        finally:
            following.cancel()
            await asyncio.wait({following})


def names(status: AgentStatus) -> list[str]:
    return [entry.id for entry in status.sessions]


async def test_each_console_is_seen_as_long_as_it_follows(client: ControlClient, home: Home) -> None:
    """Two admins see each other; who leaves, or whose line is cut, is gone with the stream."""
    assert (await client.status()).sessions == ()
    async with console(home, "first"):
        async with console(home, "second"):
            status = await client.status()
            assert names(status) == ["first", "second"]
            assert {entry.user for entry in status.sessions} == {"root"}
        await status_when(client, lambda status: names(status) == ["first"])
    await status_when(client, lambda status: names(status) == [])


async def test_what_somebody_edits_is_told_to_all(client: ControlClient, home: Home) -> None:
    """A form with unsaved changes shows on the other consoles, and is gone when it was saved or left."""
    async with console(home, "first") as first:
        await first.editing(("TMSP",))
        await status_when(client, lambda status: [one.editing for one in status.sessions] == [("TMSP",)])
        await first.editing(())
        await status_when(client, lambda status: [one.editing for one in status.sessions] == [()])
    with pytest.raises(ControlRefused) as caught:
        await first.editing(("TMSP",))
    assert caught.value.status == 404


async def test_a_console_that_comes_back_is_one_console(client: ControlClient, home: Home) -> None:
    """A second stream of the same console does not count twice, and the end of the first does not end it."""
    async with console(home, "first"), console(home, "second"):
        async with console(home, "first"):
            assert names(await client.status()) == ["first", "second"]
        await status_when(client, lambda status: names(status) == ["first", "second"])


def test_claims_are_plain_words() -> None:
    """What a client tells of itself is a terminal's name and an address, or nothing."""
    assert own_claims({"SSH_CONNECTION": "192.0.2.7 50000 192.0.2.1 22"})["tm-tui-ssh-from"] == "192.0.2.7"
    assert own_claims({"SSH_CONNECTION": "fe80::1%eth0 1 2 3"})["tm-tui-ssh-from"] == "fe80::1%eth0"
    assert "tm-tui-ssh-from" not in own_claims({"SSH_CONNECTION": "\x1b]0;x\x07"})
    assert "tm-tui-ssh-from" not in own_claims({})


async def test_a_claim_never_becomes_the_user(
    agent: Agent, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history has the kernel's user, and beside it what the client said of itself."""
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.1 22")
    async with ControlClient(home.control_socket) as client:
        await client.save(SaveRequest(settings={}, note="as agreed"), 0)
        entry = (await client.history())[0]
        assert (entry.saved_by, entry.ssh_from, entry.note) == ("root", "192.0.2.7", "as agreed")
        document = await client.settings()
        assert (document.saved_by, document.ssh_from) == ("root", "192.0.2.7")
        assert (await client.session()).ssh_from == "192.0.2.7"


DRAFT = DraftRequest(
    revision=0,
    typed={"tmsp.email": "a@example.com", "tmsp.enabled": True},
    secrets=SecretChanges(tmsp=SecretStr(CANARY), proxy=SecretStr("")),
)


async def test_a_draft_is_kept_and_its_passwords_stay_in_the_agent(client: ControlClient) -> None:
    """The next logon gets back what was typed; of passwords only that they were typed."""
    with pytest.raises(ControlRefused) as caught:
        await client.kept_draft()
    assert caught.value.status == 404
    await client.keep_draft(DRAFT)
    kept = await client.kept_draft()
    assert kept.typed == DRAFT.typed
    assert (kept.secrets, kept.removed) == (("tmsp", "proxy"), ("proxy",))
    assert CANARY not in kept.to_json().decode()
    await client.keep_draft(DraftRequest(revision=0, secrets=SecretChanges(kept=("tmsp",))))
    kept = await client.kept_draft()
    assert (kept.typed, kept.secrets) == ({}, ("tmsp",))
    await client.drop_draft()
    with pytest.raises(ControlRefused):
        await client.kept_draft()


async def test_a_kept_password_is_saved_without_being_typed_again(
    client: ControlClient, agent: Agent
) -> None:
    """A save may refer to a password that the agent keeps; one that it does not keep must be typed again."""
    await client.keep_draft(DRAFT)
    await client.save(SaveRequest(settings={}, secrets=SecretChanges(kept=("tmsp",))), 0)
    secret = agent.revision.secrets.tmsp
    assert secret is not None
    assert secret.get_secret_value() == CANARY
    await client.drop_draft()
    with pytest.raises(ControlRefused) as caught:
        await client.save(SaveRequest(settings={}, secrets=SecretChanges(kept=("tmsp",))), 1)
    assert [problem.field for problem in caught.value.refusal.problems] == ["tmsp.password"]
    assert caught.value.status == 422


async def test_a_kept_password_is_tested_too(client: ControlClient) -> None:
    """A connection test of a draft that was taken back uses the password that is kept."""
    await client.keep_draft(DRAFT)
    request = ProbeRequest(settings={}, secrets=SecretChanges(kept=("tmsp",)))
    reports = [step async for step in client.probe(request) if isinstance(step, ProbeReport)]
    causes = [failure.cause for report in reports for failure in report.failures]
    assert any("address" in cause for cause in causes)
    assert not any("password" in cause for cause in causes)


async def test_of_two_saves_at_once_one_holds(agent: Agent, home: Home) -> None:
    """Two admins press Save in the same moment: one is saved, the other is told who was first, and what."""

    async def save(email: str) -> SettingsDocument | SaveConflict:
        async with ControlClient(home.control_socket) as client:
            try:
                return await client.save(SaveRequest(settings={"tmsp": {"email": email}}), 0)
            except SaveConflict as conflict:
                return conflict

    emails = [f"a{number}@example.com" for number in range(5)]
    ends = await asyncio.gather(*map(save, emails))
    saved = [end for end in ends if isinstance(end, SettingsDocument)]
    lost = [end for end in ends if isinstance(end, SaveConflict)]
    assert (len(saved), len(lost)) == (1, 4)
    assert {conflict.conflict.current.revision for conflict in lost} == {1}
    assert {conflict.conflict.changes[0].new for conflict in lost} == {saved[0].settings["tmsp"]["email"]}
    assert {conflict.conflict.current.saved_by for conflict in lost} == {"root"}


async def test_of_a_confirmation_and_a_rollback_at_once_one_holds(agent: Agent, home: Home) -> None:
    """One admin confirms while another takes back: the first decides, the other is told that it is over."""
    async with ControlClient(home.control_socket) as client:
        await client.save(SaveRequest(settings={}), 0)
        for _ in range(5):
            before = (await client.settings()).revision
            tried = await client.save(SaveRequest(settings={}, trial=TrialRequest()), before)
            ends = await asyncio.gather(
                client.confirm_trial(tried.revision), client.end_trial(tried.revision), return_exceptions=True
            )
            refused = [end for end in ends if isinstance(end, ControlRefused)]
            assert [end.refusal.code for end in refused] == ["trial-over"]
            newest = (await client.history())[0]
            assert newest.kind == ("rollback" if isinstance(ends[0], ControlRefused) else "trial")
            assert (await client.status()).trial is None
