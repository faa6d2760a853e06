"""Settings and history over the real socket: who saves on top of what, and what comes back."""

import asyncio
import json
import subprocess
from typing import Any

import pytest
from pydantic import SecretStr

from agents import CANARY, settings_for
from tm_tui.agent.agent import Agent
from tm_tui.api.client import ControlClient, ControlRefused, SaveConflict
from tm_tui.api.requests import SaveRequest, SecretChanges
from tm_tui.paths import Home

PASSWORD = SecretChanges(tmsp=SecretStr(CANARY))


def off(**tmsp: Any) -> SaveRequest:
    return SaveRequest(settings={"tmsp": tmsp}, note="because")


async def raw(
    home: Home, method: str, path: str, body: str = "", *headers: str
) -> tuple[int, dict[str, Any]]:
    """Ask as a script does: with curl."""
    command = ["curl", "-sS", "--unix-socket", str(home.control_socket), "-X", method, f"http://agent{path}"]
    command += ["-w", "\n%{http_code}", *(part for header in headers for part in ("-H", header))]
    command += ["--data-binary", "@-"] if body else []
    done = await asyncio.to_thread(
        subprocess.run, command, input=body, capture_output=True, text=True, check=True
    )
    content, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(content)


async def test_save_and_read_back(client: ControlClient) -> None:
    """What was saved is in force, with who saved it and why, and the password shows as set only."""
    saved = await client.save(SaveRequest(settings=settings_for(443), secrets=PASSWORD, note="first"), 0)
    assert saved == await client.settings()
    assert (saved.revision, saved.saved_by, saved.note) == (1, "root", "first")
    assert saved.secrets_set == ("tmsp",)
    assert CANARY not in repr(saved)
    assert (await client.status()).revision == 1


async def test_a_save_on_top_of_an_old_revision_is_a_conflict(client: ControlClient) -> None:
    """Two admins never overwrite each other: the second sees what the first changed."""
    await client.save(off(email="a@example.com"), 0)
    with pytest.raises(SaveConflict) as caught:
        await client.save(off(email="b@example.com"), 0)
    conflict = caught.value.conflict
    assert conflict.current.revision == 1
    assert caught.value.status == 412
    assert [change.field for change in conflict.changes] == ["tmsp.email"]
    await client.save(off(email="c@example.com"), 1)
    with pytest.raises(SaveConflict) as caught:
        await client.save(off(email="b@example.com"), 1)
    assert (caught.value.conflict.changes[0].old, caught.value.conflict.changes[0].new) == (
        "a@example.com",
        "c@example.com",
    )
    assert "Revision 2" in caught.value.cause


async def test_every_wrong_field_is_named_and_no_input_repeated(client: ControlClient) -> None:
    """A refusal names the wrong fields, and never repeats a password typed into the wrong place."""
    settings = settings_for(443)
    settings["tmsp"]["log_server"]["host"] = f"{CANARY}!"
    settings["tmsp"]["email"] = f"{CANARY}@@"
    settings["proxy"] = {"port": CANARY}
    with pytest.raises(ControlRefused) as caught:
        await client.save(SaveRequest(settings=settings, secrets=PASSWORD), 0)
    assert caught.value.status == 422
    assert {problem.field for problem in caught.value.refusal.problems} == {
        "tmsp.email",
        "tmsp.log_server.host",
        "proxy.port",
    }
    assert CANARY not in repr(caught.value.refusal) + str(caught.value)
    assert (await client.settings()).revision == 0


async def test_a_missing_password_is_a_problem_of_its_field(client: ControlClient) -> None:
    """Switched on without a password, the form can show where one is missing."""
    with pytest.raises(ControlRefused) as caught:
        await client.save(SaveRequest(settings=settings_for(443)), 0)
    assert [problem.field for problem in caught.value.refusal.problems] == ["tmsp.password"]


async def test_a_full_disk_is_said(client: ControlClient, home: Home) -> None:
    """A save that cannot reach the disk changes nothing and says so."""
    await client.save(off(), 0)
    (home.config / "revisions").chmod(0o777)
    with pytest.raises(ControlRefused) as caught:
        await client.save(off(email="a@example.com"), 1)
    assert caught.value.status == 507
    assert caught.value.refusal.code == "storage"
    assert (await client.settings()).revision == 1
    (home.config / "revisions").chmod(0o700)


async def test_history_tells_and_takes_back(client: ControlClient) -> None:
    """An admin sees each change and goes back to an old state, its password included, as a new revision."""
    await client.save(SaveRequest(settings=settings_for(443), secrets=PASSWORD), 0)
    removed = SecretChanges(tmsp=SecretStr(""))
    await client.save(SaveRequest(settings={"tmsp": {"email": "a@example.com"}}, secrets=removed), 1)
    restored = await client.restore(1, 2)
    assert (restored.revision, restored.secrets_set) == (3, ("tmsp",))
    assert [entry.revision for entry in await client.history()] == [3, 2, 1]
    assert (await client.revision(2)).settings["tmsp"]["email"] == "a@example.com"
    assert await client.differences(1, 3) == ()
    words = {change.field: (change.old, change.new) for change in await client.differences(1, 2)}
    assert words["tmsp.password"] == ("set", "removed")
    assert words["tmsp.enabled"] == ("true", "false")
    with pytest.raises(SaveConflict):
        await client.restore(1, 2)
    with pytest.raises(ControlRefused) as caught:
        await client.revision(99)
    assert caught.value.status == 404


async def test_works_with_curl(agent: Agent, home: Home) -> None:
    """A script needs nothing but curl, and gets the same refusals as data."""
    status, body = await raw(home, "GET", "/v1/status")
    assert (status, body["state"], body["revision"]) == (200, "disabled", 0)
    settings = json.dumps({"settings": {"tmsp": {"email": "a@example.com"}}})
    status, body = await raw(home, "PUT", "/v1/settings", settings)
    assert (status, body["code"]) == (428, "if-match-missing")
    for wrong in ("*", '"x"', "-1", '"1', "01"):
        assert (await raw(home, "PUT", "/v1/settings", settings, f"If-Match: {wrong}"))[0] == 400
    status, body = await raw(home, "PUT", "/v1/settings", settings, "If-Match: 0")
    assert (status, body["revision"]) == (200, 1)
    status, body = await raw(home, "PUT", "/v1/settings", settings, 'If-Match: "0"')
    assert (status, body["current"]["revision"]) == (412, 1)


async def test_bad_requests_are_refused_as_data(agent: Agent, home: Home) -> None:
    """Whatever is sent, the answer is a refusal with cause and remedy, without what was sent."""
    match = 'If-Match: "0"'
    for body in (
        "{",
        "[]",
        '{"settings": 1}',
        '{"settings": {}, "canary": 1}',
        "\udcff".encode("utf-8", "replace").decode(),
    ):
        status, answer = await raw(home, "PUT", "/v1/settings", body, match)
        assert (status, answer["code"]) == (400, "bad-request")
        assert "canary" not in json.dumps([answer["cause"], answer["remedy"]])
    status, answer = await raw(home, "PUT", "/v1/settings", "x" * ((1 << 20) + 1), match)
    assert (status, answer["code"]) == (413, "too-large")
    assert (await raw(home, "GET", "/v1/nothing"))[0] == 404
    assert (await raw(home, "DELETE", "/v1/settings"))[0] == 405
    assert (await raw(home, "GET", "/v1/status"))[0] == 200
