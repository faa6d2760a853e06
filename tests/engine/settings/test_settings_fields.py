"""Fields as data: form, CLI and prompts build on the same declarations."""

import pytest

from tm_tui.settings.fields import FIELDS, following_ports, spec_of
from tm_tui.settings.model import Settings
from tm_tui.settings.plain import flat, value_of, with_value
from tm_tui.settings.types import INTERVALS

PLAIN = Settings().plain()


def test_every_setting_is_a_field() -> None:
    """No setting is out of a form's reach, and no field is without a setting but the passwords."""
    keys = [spec.key for spec in FIELDS]
    assert set(keys) == set(flat(PLAIN)) - {"schema"} | {"tmsp.password", "proxy.password"}
    assert len(keys) == len(set(keys))


def test_every_field_explains_itself() -> None:
    """Each field has a label and a line of help, and its default is the model's."""
    for spec in FIELDS:
        assert spec.label
        assert spec.help.endswith(".")
        if spec.kind != "secret":
            assert spec.default == value_of(PLAIN, spec.key)


def test_kinds_and_choices() -> None:
    """A form knows how to ask for each field."""
    kinds = {spec.key.removeprefix("tmsp."): spec.kind for spec in FIELDS if spec.screen == "tmsp"}
    assert kinds["enabled"] == "switch"
    assert kinds["edition"] == kinds["log_server.protocol"] == "choice"
    assert kinds["log_server.interval"] == "interval"
    assert kinds["status_server.upload_kbps"] == kinds["heartbeat_seconds"] == "number"
    assert kinds["password"] == "secret"
    assert dict(spec_of("tmsp.log_server.interval").choices).keys() == INTERVALS.keys()
    assert dict(spec_of("proxy.type").choices)["socks5"] == "SOCKS5"


def test_values_by_key() -> None:
    """A dotted key reads and writes one value and leaves the rest, and the original, alone."""
    changed = with_value(PLAIN, "tmsp.log_server.host", "logs.example.com")
    assert value_of(changed, "tmsp.log_server.host") == "logs.example.com"
    assert value_of(PLAIN, "tmsp.log_server.host") == ""
    assert with_value(changed, "tmsp.log_server.host", "") == PLAIN


@pytest.mark.parametrize("key", ["nothing", "tmsp.nothing", "tmsp.enabled.more", ""])
def test_unknown_key(key: str) -> None:
    """A key that is none is told as that."""
    with pytest.raises(KeyError):
        value_of(PLAIN, key)


@pytest.mark.parametrize(
    ("old_port", "new_port", "expected"), [(22, 22, 443), (2222, 2222, 2222), (22, 10022, 10022)]
)
def test_port_follows_a_changed_protocol(old_port: int, new_port: int, expected: int) -> None:
    """Who changes SSH to SSL is not left with port 22, and a port that was chosen is kept."""
    old = with_value(PLAIN, "tmsp.log_server.port", old_port)
    new = with_value(with_value(old, "tmsp.log_server.protocol", "ssl"), "tmsp.log_server.port", new_port)
    assert value_of(following_ports(old, new), "tmsp.log_server.port") == expected


def test_port_stays_when_the_protocol_is_none() -> None:
    """A wrong protocol is left to the model to refuse."""
    new = with_value(PLAIN, "proxy.type", "gopher")
    assert following_ports(PLAIN, new) == new
