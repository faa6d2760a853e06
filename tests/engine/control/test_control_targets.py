"""A saved password goes where it was typed for: every way in, every part of the target."""

import base64
import copy
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from agents import CANARY, agent_in, short_home, status_server
from servers.certificates import Certificates
from servers.misbehaving import close_at_once, server
from servers.openssh import Sshd
from tm_tui.agent.agent import Agent
from tm_tui.api.agent import ProbeReport
from tm_tui.api.client import ControlClient, ControlRefused
from tm_tui.api.requests import (
    ApproveRequest,
    DraftRequest,
    ProbeRequest,
    SaveRequest,
    SecretChanges,
    TrialRequest,
)
from tm_tui.link.host_keys import HostKey
from tm_tui.link.types import Endpoint
from tm_tui.settings.fields import FIELDS
from tm_tui.settings.model import Settings
from tm_tui.settings.plain import value_of, with_value
from tm_tui.settings.targets import others, targets_of

PROXY_CANARY = "canary-of-the-proxy-51"
TYPED = SecretChanges(tmsp=SecretStr(CANARY), proxy=SecretStr(PROXY_CANARY))
NOTHING = SecretChanges()
SAVED: dict[str, Any] = {
    "tmsp": {
        "username": "u",
        "log_server": {"host": "127.0.0.1", "port": 1, "protocol": "ssl"},
        "status_server": {"host": "127.0.0.1", "port": 1},
    },
    "proxy": {"enabled": True, "type": "https", "host": "127.0.0.1", "port": 1, "username": "p"},
}
BOTH = ("tmsp.password", "proxy.password")
ELSEWHERE: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "log server": ({"tmsp.log_server.host": "127.0.0.2"}, BOTH[:1]),
    "its port": ({"tmsp.log_server.port": 2}, BOTH[:1]),
    "its protocol": ({"tmsp.log_server.protocol": "ssh"}, BOTH[:1]),
    "status server": ({"tmsp.status_server.host": "localhost"}, BOTH[:1]),
    "its port too": ({"tmsp.status_server.port": 2}, BOTH[:1]),
    "no CA file": ({"trust.ca_file": ""}, BOTH),
    "proxy off": ({"proxy.enabled": False}, BOTH[:1]),
    "type of proxy": ({"proxy.type": "http"}, BOTH),
    "proxy": ({"proxy.host": "127.0.0.2"}, BOTH),
    "port of proxy": ({"proxy.port": 2}, BOTH),
    "all at once": ({"tmsp.log_server.host": "127.0.0.2", "proxy.host": "127.0.0.2"}, BOTH),
}
Way = Callable[[ControlClient, dict[str, Any], SecretChanges], Awaitable[object]]


async def by_test(client: ControlClient, settings: dict[str, Any], secrets: SecretChanges) -> object:
    """F3, `tm-tui test`."""
    request = ProbeRequest(settings=settings, secrets=secrets)
    return [step async for step in client.probe(request) if isinstance(step, ProbeReport)]


async def by_save(client: ControlClient, settings: dict[str, Any], secrets: SecretChanges) -> object:
    """F2, `tm-tui config set` and `apply`."""
    return await client.save(SaveRequest(settings=settings, secrets=secrets), 1)


async def by_trial(client: ControlClient, settings: dict[str, Any], secrets: SecretChanges) -> object:
    """F6 and `--trial`."""
    request = SaveRequest(settings=settings, secrets=secrets, trial=TrialRequest(minutes=1))
    return await client.save(request, 1)


async def by_approval(client: ControlClient, settings: dict[str, Any], secrets: SecretChanges) -> object:
    """The host key that is fetched through the proxy on the form. The proxy of these tests is not there."""
    request = ApproveRequest(endpoint="[127.0.0.1]:1", fingerprint="x", settings=settings, secrets=secrets)
    with pytest.raises(ControlRefused) as caught:
        await client.approve_host_key(request)
    if caught.value.status != 502:
        raise caught.value
    return caught.value


WAYS: dict[str, Way] = {"test": by_test, "save": by_save, "trial": by_trial, "approval": by_approval}


@pytest.fixture
def saved(certificates: Certificates, tmp_path: Path) -> dict[str, Any]:
    """Settings with a proxy that knows a password too, trusted by a CA file that may be replaced."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(certificates.ca_pem)
    return {**copy.deepcopy(SAVED), "trust": {"ca_file": str(ca_file)}}


@pytest.fixture
async def registered(client: ControlClient, saved: dict[str, Any]) -> ControlClient:
    """An agent that has both passwords."""
    await client.save(SaveRequest(settings=saved, secrets=TYPED), 0)
    return client


def changed(settings: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The settings with other values, by dotted key."""
    for key, value in values.items():
        settings = with_value(settings, key, value)
    return settings


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", ELSEWHERE)
async def test_another_target_asks_again_on_every_way(
    registered: ControlClient, saved: dict[str, Any], part: str, way: str
) -> None:
    """Whatever of the target differs and however it is asked for: 422 with its code, each password named."""
    values, passwords = ELSEWHERE[part]
    wanted = changed(saved, values)
    with pytest.raises(ControlRefused) as caught:
        await WAYS[way](registered, wanted, NOTHING)
    refusal = caught.value.refusal
    assert (caught.value.status, refusal.code) == (422, "password-again")
    assert tuple(problem.field for problem in refusal.problems) == passwords
    assert all("another" in problem.cause and problem.remedy for problem in refusal.problems)
    assert (await registered.settings()).revision == 1
    await WAYS[way](registered, wanted, TYPED)


@pytest.mark.parametrize("way", WAYS)
async def test_only_the_password_that_is_typed_goes_elsewhere(
    registered: ControlClient, saved: dict[str, Any], way: str
) -> None:
    """One typed password does not take the other one along; to remove it is as good as to type it."""
    wanted = changed(saved, ELSEWHERE["proxy"][0])
    for name, other in (("tmsp", "proxy"), ("proxy", "tmsp")):
        with pytest.raises(ControlRefused) as caught:
            await WAYS[way](registered, wanted, SecretChanges(**{name: SecretStr("typed")}))
        assert [problem.field for problem in caught.value.refusal.problems] == [f"{other}.password"]
    await WAYS[way](registered, wanted, SecretChanges(tmsp=SecretStr(CANARY), proxy=SecretStr("")))


@pytest.mark.parametrize("way", WAYS)
async def test_another_authority_in_the_same_file_asks_again(
    registered: ControlClient, saved: dict[str, Any], way: str
) -> None:
    """Who replaces what the CA file holds trusts somebody else, though its path is the same."""
    trustme.CA().cert_pem.write_to_path(saved["trust"]["ca_file"])
    with pytest.raises(ControlRefused) as caught:
        await WAYS[way](registered, saved, NOTHING)
    assert caught.value.refusal.code == "password-again"
    assert "CA file" in caught.value.refusal.cause


HARMLESS = {
    "tmsp.email": "a@example.com",
    "tmsp.username": "other",
    "tmsp.heartbeat_seconds": 60,
    "tmsp.log_server.interval": "5m",
    "tmsp.status_server.upload_kbps": 9,
    "proxy.username": "other",
    "console.idle_minutes": 5,
    "spool.max_mib": 100,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("values", [{}, HARMLESS], ids=["nothing", "harmless"])
async def test_what_is_no_part_of_the_target_asks_nothing(
    registered: ControlClient, saved: dict[str, Any], values: dict[str, Any], way: str
) -> None:
    """E-mail, user names, intervals and limits change without a password, and so does nothing at all."""
    await WAYS[way](registered, changed(saved, values), NOTHING)


async def test_no_server_of_ones_own_gets_a_saved_password(
    client: ControlClient, certificates: Certificates
) -> None:
    """Saved settings with only host and port of both servers changed, no secrets: nobody even knocks."""
    async with AsyncExitStack() as stack:
        mine, theirs = [
            await stack.enter_async_context(status_server(certificates, lambda: datetime.now(UTC)))
            for _ in range(2)
        ]
        settings = {
            "tmsp": {
                "username": "u",
                "log_server": {"host": "127.0.0.1", "port": mine.port, "protocol": "ssl"},
                "status_server": {"host": "127.0.0.1", "port": mine.port},
            },
            "trust": {"ca_file": str(certificates.ca_file)},
        }
        await client.save(SaveRequest(settings=settings, secrets=SecretChanges(tmsp=SecretStr(CANARY))), 0)
        document = await client.settings()
        servers = {"tmsp.log_server.port": theirs.port, "tmsp.status_server.port": theirs.port}
        with pytest.raises(ControlRefused) as caught:
            await by_test(client, changed(document.settings, servers), NOTHING)
        assert caught.value.refusal.code == "password-again"
        assert theirs.told.accepted == 0
        await by_test(client, document.settings, NOTHING)
        assert mine.told.accepted > 0
        await by_test(client, changed(document.settings, servers), SecretChanges(tmsp=SecretStr("typed")))
        assert theirs.told.accepted > 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sign", ["\u00a0", "\u200b", "\ufffd", "\r", "\x1b", "\ufeff"], ids=ascii)
async def test_no_way_takes_a_password_that_nobody_typed(
    registered: ControlClient, saved: dict[str, Any], way: str, sign: str
) -> None:
    """One rule for all ways in: what came along by mistake is refused at its field, and nothing is sent."""
    for name in ("tmsp", "proxy"):
        with pytest.raises(ControlRefused) as caught:
            await WAYS[way](registered, saved, SecretChanges(**{name: SecretStr(f"word{sign}")}))
        refusal = caught.value.refusal
        assert (caught.value.status, refusal.code) == (422, "settings-refused")
        assert [problem.field for problem in refusal.problems] == [f"{name}.password"]
        assert "word" not in refusal.to_json().decode().replace("password", "")
    assert (await registered.settings()).revision == 1


async def lines_with(client: ControlClient, words: str) -> str:
    """The first line of the activity that has these words."""
    async for line in client.activity_stream():
        if words in line.text:
            return line.text
    raise AssertionError("the stream ended")


async def test_each_test_is_a_line(registered: ControlClient, saved: dict[str, Any]) -> None:
    """Afterwards every admin sees who tested, towards which servers and proxy, and how it ended."""
    await by_test(registered, saved, NOTHING)
    line = await lines_with(registered, "tested")
    assert line.startswith(
        "root tested log server 127.0.0.1:1 by SSL, status server 127.0.0.1:1, HTTPS proxy"
    )
    assert "proxy 127.0.0.1:1: failed, log_server.proxy proxy-" in line
    with pytest.raises(ControlRefused):
        await by_test(registered, changed(saved, {"tmsp.status_server.host": "evil.example"}), NOTHING)
    line = await lines_with(registered, "no test")
    assert line.startswith("root: no test of ")
    assert "status server evil.example:1" in line
    assert "another status server" in line


async def test_a_test_that_is_broken_off_is_a_line_too(client: ControlClient) -> None:
    """Who hangs up in the middle of a test does not hide it."""
    async with server(close_at_once) as told:
        wanted = changed(SAVED, {"proxy.enabled": False, "tmsp.log_server.port": told.port})
        steps = client.probe(ProbeRequest(settings=wanted, secrets=TYPED))
        await anext(steps)
        await steps.aclose()
        assert f"log server 127.0.0.1:{told.port}" in await lines_with(client, "broken off")


async def test_a_revision_brings_its_own_passwords(registered: ControlClient, saved: dict[str, Any]) -> None:
    """A rollback asks nothing: the passwords of that revision were typed for its servers."""
    elsewhere = changed(saved, {"tmsp.log_server.host": "127.0.0.2"})
    await registered.save(SaveRequest(settings=elsewhere, secrets=SecretChanges(tmsp=SecretStr("other"))), 1)
    restored = await registered.restore(1, 2)
    assert restored.settings["tmsp"]["log_server"]["host"] == "127.0.0.1"
    assert await registered.differences(1, 3) == ()


DRAFT = DraftRequest(
    revision=1, typed={"tmsp.log_server.host": "127.0.0.2"}, secrets=SecretChanges(tmsp=SecretStr("new"))
)
KEPT = SecretChanges(kept=("tmsp",))


@pytest.mark.parametrize("way", WAYS)
async def test_a_kept_password_goes_where_it_was_typed_for(
    registered: ControlClient, saved: dict[str, Any], way: str
) -> None:
    """What an idle console left goes to the server on its form; the next form cannot send it elsewhere."""
    await registered.keep_draft(DRAFT)
    with pytest.raises(ControlRefused) as caught:
        await WAYS[way](registered, changed(saved, {"tmsp.log_server.host": "127.0.0.3"}), KEPT)
    assert caught.value.refusal.code == "password-again"
    again = DraftRequest(revision=1, typed={"tmsp.log_server.host": "127.0.0.3"}, secrets=KEPT)
    await registered.keep_draft(again)
    with pytest.raises(ControlRefused) as caught:
        await WAYS[way](registered, changed(saved, again.typed), KEPT)
    assert caught.value.refusal.code == "password-again"
    await WAYS[way](registered, changed(saved, DRAFT.typed), KEPT)


async def test_a_draft_of_any_form_is_kept(registered: ControlClient) -> None:
    """A draft that is half typed, or stands on no revision that is there, is kept with its password."""
    for typed in ({"tmsp.log_server.host": "half a name"}, {"a." * 2000: "x"}, {"tmsp.email": "@"}):
        kept = await registered.keep_draft(
            DraftRequest(revision=77, typed=typed, secrets=SecretChanges(tmsp=SecretStr("new")))
        )
        assert kept.secrets == ("tmsp",)


async def test_no_answer_and_no_line_has_a_password(
    agent: Agent, registered: ControlClient, saved: dict[str, Any]
) -> None:
    """A refusal for another target names the field; passwords stand nowhere."""
    for values, _ in ELSEWHERE.values():
        for way in (by_test, by_save):
            with pytest.raises(ControlRefused) as caught:
                await way(registered, changed(saved, values), NOTHING)
            assert CANARY not in caught.value.refusal.to_json().decode()
            assert PROXY_CANARY not in caught.value.refusal.to_json().decode()
    said = " ".join(line.text for line in agent.activity.lines())
    assert CANARY not in said
    assert PROXY_CANARY not in said


OTHER_KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()


async def test_a_server_with_another_host_key_is_another_server(
    agent: Agent, client: ControlClient, openssh: Sshd
) -> None:
    """A key in place of another one, forgotten or of another type, is approved with the password only."""
    where = Endpoint("127.0.0.1", openssh.port)
    settings = {
        "tmsp": {"username": "u", "log_server": {"host": where.host, "port": where.port, "protocol": "ssh"}}
    }

    async def approve(**secrets: SecretStr) -> object:
        request = ApproveRequest(
            endpoint=where.bracketed, fingerprint=openssh.fingerprint(), secrets=SecretChanges(**secrets)
        )
        return await client.approve_host_key(request)

    async def refused(words: str, **secrets: SecretStr) -> None:
        with pytest.raises(ControlRefused) as caught:
            await approve(**secrets)
        assert caught.value.refusal.code == "password-again"
        assert words in caught.value.refusal.problems[0].cause
        assert (await client.trust()).host_keys == left

    await client.save(SaveRequest(settings=settings, secrets=SecretChanges(tmsp=SecretStr(CANARY))), 0)
    await approve()
    left: tuple[object, ...] = ()
    await client.forget_host_key(where.bracketed)
    await approve()  # the very key again

    for algorithm, forgotten in (("ssh-ed25519", True), ("ecdsa-sha2-nistp256", False)):
        await client.forget_host_key(where.bracketed)
        agent.host_keys.approve(HostKey.of(where, algorithm, OTHER_KEY))
        if forgotten:
            await client.forget_host_key(where.bracketed)
        left = (await client.trust()).host_keys
        await refused("another host key")
        await refused("another host key", proxy=SecretStr(CANARY))
        await refused("another host key", tmsp=SecretStr(""))
        await refused("not the saved password", tmsp=SecretStr("guess"))
        await approve(tmsp=SecretStr(CANARY))
        await approve()  # nothing is asked about it any more
    assert len((await client.trust()).host_keys) == 2


OTHER_VALUE: dict[str, Any] = {
    "switch": lambda value: not value,
    "number": lambda value: value + 1,
    "text": lambda value: f"{value}x",
}
PARTS = {
    "tmsp": {
        *("tmsp.log_server.host", "tmsp.log_server.port", "tmsp.log_server.protocol"),
        *("tmsp.status_server.host", "tmsp.status_server.port", "trust.ca_file"),
        *("proxy.enabled", "proxy.type", "proxy.host", "proxy.port"),
    },
    "proxy": {"proxy.type", "proxy.host", "proxy.port", "trust.ca_file"},
}


@pytest.mark.parametrize("name", PARTS)
def test_the_target_is_these_fields_and_no_other(name: str) -> None:
    """Each field of the settings either is part of the target or is not: a new one must be decided about."""
    plain = Settings.parse({**SAVED, "trust": {"ca_file": "/ca.pem"}}).plain()
    meant = targets_of(name, plain)
    assert not others(meant, meant)
    found = set()
    for spec in FIELDS:
        if spec.kind == "secret":
            continue
        value = value_of(plain, spec.key)
        choices = [choice for choice, _ in spec.choices if choice != value]
        for other in choices or [OTHER_VALUE[spec.kind](value)]:
            if others(meant, targets_of(name, with_value(plain, spec.key, other))):
                found.add(spec.key)
    assert found == PARTS[name]


def test_an_empty_address_is_nobody() -> None:
    """Who takes an address away sends the password to nobody, and is asked when there is one again."""
    plain = Settings.parse(SAVED).plain()
    none = with_value(with_value(plain, "tmsp.log_server.host", ""), "tmsp.status_server.host", "")
    assert not others(targets_of("tmsp", plain), targets_of("tmsp", none))
    assert others(targets_of("tmsp", none), targets_of("tmsp", plain)) == ("log server", "status server")


async def test_the_same_holds_after_a_restart(saved: dict[str, Any]) -> None:
    """What the password belongs to is read from the disk: a new agent asks just as the old one."""
    with short_home() as home:
        async with agent_in(home), ControlClient(home.control_socket) as client:
            await client.save(SaveRequest(settings=saved, secrets=TYPED), 0)
        async with agent_in(home), ControlClient(home.control_socket) as client:
            await by_save(client, saved, NOTHING)
            with pytest.raises(ControlRefused) as caught:
                await by_test(client, changed(saved, {"proxy.port": 2}), NOTHING)
            assert caught.value.refusal.code == "password-again"
