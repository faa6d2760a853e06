"""The settings as a whole: rules between fields, defaults, errors that repeat no input."""

import tomllib
from contextlib import nullcontext
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from tm_tui.errors import Problem, SettingsRefused
from tm_tui.settings.fields import FIELDS
from tm_tui.settings.model import Secrets, Settings, missing_secrets
from tm_tui.settings.plain import with_value
from tm_tui.settings.signs import unwanted_sign

REGISTERED = {
    "tmsp": {
        "enabled": True,
        "username": "tm01",
        "log_server": {"host": "192.0.2.1"},
        "status_server": {"host": "192.0.2.2"},
    }
}


def problems(data: dict[str, Any]) -> dict[str, Problem]:
    with pytest.raises(SettingsRefused) as caught:
        Settings.parse(data)
    return {problem.field: problem for problem in caught.value.problems}


def test_nothing_is_needed_while_switched_off() -> None:
    """An appliance out of the box has empty settings that are right."""
    assert Settings.parse({}).plain()["tmsp"]["enabled"] is False


def test_switched_on_all_that_is_needed_is_asked_for() -> None:
    """One save names everything that is missing, not one field at a time."""
    found = problems({"tmsp": {"enabled": True}, "proxy": {"enabled": True}})
    assert set(found) == {"tmsp.username", "tmsp.log_server.host", "tmsp.status_server.host", "proxy.host"}
    assert all(problem.cause and problem.remedy for problem in found.values())


def test_on_premise_takes_addresses_only() -> None:
    """A name is refused for the on-premise edition and taken for the hosted one."""
    servers = {"log_server": {"host": "logs.example.com"}, "status_server": {"host": "2001:db8::1"}}
    assert set(problems({"tmsp": {"edition": "on-premise", **servers}})) == {"tmsp.log_server.host"}
    assert (
        Settings.parse({"tmsp": {"edition": "hosted", **servers}}).tmsp.log_server.host == "logs.example.com"
    )


@pytest.mark.parametrize(
    ("group", "choice", "port"),
    [
        ("log_server", "ssh", 22),
        ("log_server", "ssl", 443),
        ("proxy", "http", 8080),
        ("proxy", "https", 8080),
        ("proxy", "socks4", 1080),
        ("proxy", "socks5", 1080),
    ],
)
def test_port_follows_what_is_spoken(group: str, choice: str, port: int) -> None:
    """A port that is left out is the usual one of the protocol."""
    if group == "proxy":
        assert Settings.parse({"proxy": {"type": choice}}).proxy.port == port
    else:
        assert Settings.parse({"tmsp": {"log_server": {"protocol": choice}}}).tmsp.log_server.port == port


def test_socks4_has_no_user() -> None:
    """SOCKS4 cannot send a user name and password, so none is taken."""
    assert set(problems({"proxy": {"type": "socks4", "username": "me"}})) == {"proxy.username"}


def test_unknown_key_is_named() -> None:
    """A typing error in a file is told with its place, without escapes in it."""
    assert set(problems({"tmsp": {"log_server": {"hots\x1b": "x"}}})) == {"tmsp.log_server.hots\ufffd"}


def test_newer_schema_is_said() -> None:
    """A file of a newer version is refused as that, not as a heap of unknown fields."""
    found = problems({"schema": 2, "new": {}})
    assert set(found) == {"schema"}
    assert "newer version" in found["schema"].cause


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"tmsp": 3}, "tmsp"),
        ({"tmsp": {"enabled": "canary"}}, "tmsp.enabled"),
        ({"tmsp": {"edition": "canary"}}, "tmsp.edition"),
        ({"tmsp": {"username": ["canary"]}}, "tmsp.username"),
        ({"tmsp": {"username": "canary\ud800"}}, "tmsp.username"),
        ({"tmsp": {"email": "canary"}}, "tmsp.email"),
        ({"proxy": {"port": "canary"}}, "proxy.port"),
        pytest.param({"proxy": {"port": 1 << 80000}}, "proxy.port", id="huge"),
        ({"trust": {"ca_file": "/canary" + "x" * 5000}}, "trust.ca_file"),
    ],
)
def test_errors_repeat_no_input(data: dict[str, Any], field: str) -> None:
    """A value in a wrong field, perhaps a password, shows up in no message."""
    found = problems(data)
    assert set(found) == {field}
    assert "canary" not in repr(found)
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(data)
    assert "canary" not in str(caught.value)


def test_settings_cannot_be_changed() -> None:
    """A revision in force stays what it is."""
    with pytest.raises(ValidationError):
        Settings().tmsp.enabled = True  # type: ignore[misc]


TEXT = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"], exclude_characters=":"), max_size=40
)


@given(
    user=TEXT.filter(lambda text: text == text.strip()),
    ca=TEXT,
    port=st.integers(1, 65535),
    kbps=st.integers(0, 99_999_999),
    host=st.ip_addresses(v=4).filter(lambda ip: accepted(str(ip))),
)
def test_toml_round_trip(user: str, ca: str, port: int, kbps: int, host: object) -> None:
    """What was saved reads back the same, whatever its characters."""
    tmsp = {"username": user, "status_server": {"host": str(host), "port": port, "upload_kbps": kbps}}
    settings = Settings.parse({"tmsp": tmsp, "trust": {"ca_file": f"/{ca}"}})
    assert Settings.parse(tomllib.loads(tomli_w.dumps(settings.plain()))) == settings


def accepted(host: str) -> bool:
    try:
        Settings.parse({"proxy": {"host": host}})
    except SettingsRefused:
        return False
    return True


def test_secrets_are_not_shown() -> None:
    """No representation of the passwords shows one."""
    secrets = Secrets().changed({"tmsp": SecretStr("canary"), "proxy": None})
    assert "canary" not in f"{secrets!r} {secrets} {secrets.model_dump_json()}"
    assert secrets.names() == {"tmsp"}


def test_secrets_change_by_name() -> None:
    """None keeps a password, a new one replaces it, an empty one removes it."""
    both = Secrets().changed({"tmsp": SecretStr(" a "), "proxy": SecretStr("b")})
    changed = both.changed({"tmsp": None, "proxy": SecretStr("")})
    assert changed.names() == {"tmsp"}
    assert changed.tmsp is not None
    assert changed.tmsp.get_secret_value() == " a "


def test_refused_secret_is_named_and_not_repeated() -> None:
    """A password that is too long is refused at its field, without being shown."""
    with pytest.raises(SettingsRefused) as caught:
        Secrets().changed({"proxy": SecretStr("canary" * 200)})
    assert [problem.field for problem in caught.value.problems] == ["proxy.password"]
    assert "canary" not in repr(caught.value.problems)


def test_password_is_needed_once_switched_on() -> None:
    """Registration without a password is refused where it is set, not by the portal later."""
    settings = Settings.parse(REGISTERED)
    assert [problem.field for problem in missing_secrets(settings, frozenset(), None)] == ["tmsp.password"]
    assert missing_secrets(settings, frozenset({"tmsp"}), None) == ()


def test_socks5_password_limit() -> None:
    """RFC 1929 has one byte for the length: a longer password is refused at once."""
    settings = Settings.parse({"proxy": {"type": "socks5", "host": "192.0.2.3"}})
    long = SecretStr("ü" * 128)
    assert [problem.field for problem in missing_secrets(settings, frozenset(), long)] == ["proxy.password"]


UNWANTED = {
    "\x00": "U+0000",
    "\x08": "^H",
    "\t": "^I",
    "\n": "^J",
    "\r": "^M",
    "\x1b": "arrow or function key",
    "\x7f": "^?",
    "\x85": "U+0085",
    "\u00a0": "NO-BREAK SPACE",
    "\u00ad": "SOFT HYPHEN",
    "\u034f": "COMBINING GRAPHEME JOINER",
    "\u2003": "EM SPACE",
    "\u200b": "ZERO WIDTH SPACE",
    "\u200d": "ZERO WIDTH JOINER",
    "\u202e": "RIGHT-TO-LEFT OVERRIDE",
    "\u2028": "LINE SEPARATOR",
    "\u202f": "NARROW NO-BREAK SPACE",
    "\u2060": "WORD JOINER",
    "\u3000": "IDEOGRAPHIC SPACE",
    "\u3164": "HANGUL FILLER",
    "\ufe0f": "VARIATION SELECTOR-16",
    "\ufeff": "byte order mark",
    "\ufffd": "U+FFFD",
    "\uffff": "U+FFFF",
    "\U000e0041": "U+E0041",
}


@pytest.mark.parametrize("name", ["tmsp", "proxy"])
@pytest.mark.parametrize("sign", UNWANTED, ids=ascii)
def test_a_sign_that_nobody_types_is_named(sign: str, name: str) -> None:
    """Wherever it stands in a new password: refused at its field, named, the password not shown."""
    for typed in (sign, f"canary{sign}", f"{sign}canary", f"can{sign}ary"):
        with pytest.raises(SettingsRefused) as caught:
            Secrets().changed({name: SecretStr(typed)})
        (problem,) = caught.value.problems
        assert problem.field == f"{name}.password"
        assert UNWANTED[sign] in problem.cause
        assert sign not in problem.cause
        assert "can" not in problem.cause.replace("carries", "")


@given(st.text(min_size=1, max_size=40))
def test_a_new_password_is_kept_to_the_letter_or_refused(text: str) -> None:
    """There is no third way: nothing is dropped, replaced or normalised."""
    fine = all(sign == " " or (sign.isprintable() and not unwanted_sign(sign)) for sign in text)
    with nullcontext() if fine else pytest.raises(SettingsRefused, match=r"tmsp\.password: .+"):
        kept = Secrets().changed({"tmsp": SecretStr(text)}).tmsp
        assert kept is not None
        assert kept.get_secret_value() == text


def test_what_is_saved_already_goes_on() -> None:
    """An older version may have saved a sign that is refused now: it is read, and other fields change."""
    saved = Secrets.model_validate({"tmsp": "old\u00a0password\t"})
    assert saved.changed({"proxy": SecretStr("new")}).tmsp == saved.tmsp


@pytest.mark.parametrize("key", [spec.key for spec in FIELDS if spec.kind == "text"])
def test_a_character_that_was_not_read_is_refused_in_every_text(key: str) -> None:
    """What stands for a letter that the line could not carry is no part of any setting."""
    value = {"tmsp.email": "a\ufffd@example.com", "trust.ca_file": "/a\ufffd"}.get(key, "a\ufffdb")
    with pytest.raises(SettingsRefused) as caught:
        Settings.parse(with_value(Settings().plain(), key, value))
    assert [problem.field for problem in caught.value.problems] == [key]
