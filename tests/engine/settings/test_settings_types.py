"""The rules of each kind of field (security.md, "What must be refused in fields")."""

import ipaddress
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tm_tui.settings import types

HOST = TypeAdapter(types.Host)
PORT = TypeAdapter(types.Port)
KBPS = TypeAdapter(types.Kbps)
EMAIL = TypeAdapter(types.Email)
INTERVAL = TypeAdapter(types.Interval)
SECONDS = TypeAdapter(types.HeartbeatSeconds)
USER = TypeAdapter(types.UserName)
PASSWORD = TypeAdapter(types.Password)
CA_FILE = TypeAdapter(types.CaFile)

LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True).filter(lambda s: "--" not in s)


def accepts(adapter: TypeAdapter, value: object) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("::1", "::1"),
        ("::ffff:192.0.2.1", "::ffff:c000:201"),
        ("Logs.Example.COM", "logs.example.com"),
        ("logs.example.com.", "logs.example.com"),
        ("localhost", "localhost"),
        ("3com.example", "3com.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("faß.de", "xn--fa-hia.de"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        (".".join(["a" * 63] * 3 + ["b" * 61]) + ".", ".".join(["a" * 63] * 3 + ["b" * 61])),
    ],
)
def test_host_is_kept_in_one_form(typed: str, kept: str) -> None:
    """However an admin writes an address, it is filed and shown in one form."""
    assert HOST.validate_python(typed) == kept
    assert HOST.validate_python(kept) == kept


@pytest.mark.parametrize(
    "typed",
    [
        *("192.0.2", "192.0.2.1.5", "192.0.2.256", "192.000.2.1", "192.0.2.01", "0xc0.0.2.1", "0xc0000201"),
        *(
            "3221225985",
            "1",
            "0x",
            "192.0.2.1.",
            "192.0.2.1:443",
            "192.0.2.1/24",
            "[192.0.2.1]",
            "１92.0.2.1",
        ),
        *(
            "192。0。2。1",
            "192.0.2.１",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "239.1.2.3",
            "::",
            "ff02::1",
        ),
        *("::ffff:0.0.0.0", "::ffff:224.0.0.1", "::ffff:255.255.255.255", "fe80::1%eth0", "[fe80::1%1]"),
        *(
            "[2001:db8::1]:443",
            "[2001:db8::1",
            "2001:db8::1]",
            "[[::1]]",
            "2001:db8:::1",
            "1:2:3",
            "[]",
            "[a]",
        ),
        *("logs.example.com:22", "https://logs.example.com", "logs.example.com/x", "user@logs.example.com"),
        *(
            "logs_1.example.com",
            "-logs.example.com",
            "logs-.example.com",
            "logs..example.com",
            ".example.com",
        ),
        *(
            "logs.example.com..",
            ".",
            "..",
            "a" * 64 + ".example",
            ".".join(["a" * 63] * 4),
            "a." * 127 + "ab",
        ),
        *(
            " logs.example.com",
            "logs.example.com ",
            "logs example.com",
            "logs.example.com\n",
            "logs\t.example",
        ),
        *(
            "logs\u200b.example.com",
            "logs\u00ad.example",
            "logs\u202e.example",
            "\ufefflogs.example",
            "a\u00a0b.c",
        ),
        *(
            "logs\x00.example",
            "logs\x1b[31m.example",
            "logs\x7f.example",
            "logs\x9b.example",
            "a\ud800.example",
        ),
        *(
            "\u212aelvin.example",
            "exa。mple.com",
            "ｌogs.example",
            "logs.exämple\u0301.\u0301x",
            "xn--a.example",
        ),
        *("xn--bcher-kva\u0301.example", "xn---.example", "*.example.com", "logs.123", "a.0x1f", "x" * 5000),
        *(
            "☃\ufe0f.example",
            "a\u3164b.example",
            "%6cogs.example",
            "logs,example",
            "$(id).example",
            "'.example",
        ),
    ],
)
def test_host_is_refused(typed: str) -> None:
    """What is no plain address or name never gets as far as a resolver, a log or a file name."""
    assert not accepts(HOST, typed)


@given(st.ip_addresses())
def test_every_single_address_is_a_host(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """No address of a single server is refused, and none that is not one gets in."""
    mapped = getattr(address, "ipv4_mapped", None) or address
    broadcast = str(mapped) == "255.255.255.255"
    assert accepts(HOST, str(address)) == (
        not (mapped.is_unspecified or mapped.is_multicast or broadcast) and "%" not in str(address)
    )


@given(st.lists(LABEL, min_size=2, max_size=6))
def test_every_ordinary_name_is_a_host(labels: list[str]) -> None:
    """No ordinary name is refused."""
    name = ".".join(labels)
    assert HOST.validate_python(name.upper()) == name


@given(st.text(max_size=80))
def test_a_kept_host_is_clean(typed: str) -> None:
    """Whatever is typed, what is kept is letters, digits, dots, hyphens and colons in ASCII."""
    if accepts(HOST, typed):
        kept = HOST.validate_python(typed)
        assert set(kept) <= set(string.ascii_lowercase + string.digits + ".-:")
        assert HOST.validate_python(kept) == kept


@given(st.integers())
def test_ports_by_number(port: int) -> None:
    """A port is 1 to 65535, as a number or as its digits."""
    assert accepts(PORT, port) == accepts(PORT, str(port)) == (1 <= port <= 65535)


@given(st.text(max_size=8))
def test_ports_by_text(text: str) -> None:
    """Only plain ASCII digits are a port."""
    plain = text.isascii() and text.isdigit() and not text.startswith("0")
    assert accepts(PORT, text) == (plain and int(text) <= 65535)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0",
        "00",
        "022",
        "+22",
        "-1",
        "22 ",
        " 22",
        "2_2",
        "２２",
        "²",
        "0x16",
        "22\n",
        "1e3",
        22.0,
        True,
        None,
    ],
)
def test_port_is_refused(value: object) -> None:
    """Signs, spaces, other digits, other bases, fractions: none is a port."""
    assert not accepts(PORT, value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-1",
        "1.5",
        "10KB",
        "10 ",
        "1,000",
        "٣",
        "01",
        -1,
        1.0,
        True,
        10**9,
        pytest.param(1 << 80000, id="huge"),
    ],
)
def test_bandwidth_is_refused(value: object) -> None:
    """Bandwidth is a whole number without a unit."""
    assert not accepts(KBPS, value)


@pytest.mark.parametrize("value", ["0", 0, "64", 64, "99999999"])
def test_bandwidth_is_taken(value: object) -> None:
    """Zero is no limit; digits typed in a form count as a number."""
    assert KBPS.validate_python(value) == int(str(value))


@pytest.mark.parametrize(
    ("value", "good"), [(5, True), ("300", True), (28800, True), (4, False), (28801, False)]
)
def test_heartbeat_has_bounds(value: object, good: bool) -> None:
    """A heartbeat comes every 5 to 28800 seconds."""
    assert accepts(SECONDS, value) == good


@pytest.mark.parametrize(
    ("value", "idle", "trial"),
    [
        (0, True, False),
        ("1", True, True),
        (120, True, True),
        (121, True, False),
        (480, True, False),
        (481, False, False),
        (-1, False, False),
        ("01", False, False),
        (True, False, False),
    ],
)
def test_minutes_have_bounds(value: object, idle: bool, trial: bool) -> None:
    """A logout comes within a working day or never, a trial lasts from 1 to 120 minutes."""
    assert accepts(TypeAdapter(types.IdleMinutes), value) == idle
    assert accepts(TypeAdapter(types.TrialMinutes), value) == trial


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [
        ("5m", 300),
        ("15m", 900),
        ("30m", 1800),
        ("1h", 3600),
        ("6h", 21600),
        ("12h", 43200),
        ("24h", 86400),
        ("30s", 30),
        ("1s", 1),
        ("86400s", 86400),
    ],
)
def test_intervals(interval: str, seconds: int) -> None:
    """The product's seven intervals, and seconds for labs."""
    assert types.interval_seconds(INTERVAL.validate_python(interval)) == seconds


@pytest.mark.parametrize("value", ["", "2h", "5M", "5", "0s", "86401s", "1 h", "1h\n", "٣s", "-5s", 300])
def test_interval_is_refused(value: object) -> None:
    """Any other interval is refused."""
    assert not accepts(INTERVAL, value)


@pytest.mark.parametrize(
    "typed", ["", "admin@example.com", "a.b+c@sub.example.org", "ops@münchen.example.com"]
)
def test_email_is_taken(typed: str) -> None:
    """An ordinary address is taken, without asking DNS."""
    assert accepts(EMAIL, typed)


@pytest.mark.parametrize(
    "typed",
    [
        "admin",
        "admin@",
        "@example.com",
        "a b@example.com",
        "a@b@example.com",
        "admin@example.com\n",
        "a@[192.0.2.1]",
        "Admin <admin@example.com>",
        "admin@example..com",
        ".a@example.com",
        "a@-x.example",
        "a" * 65 + "@example.com",
        "a\x1b[2J@example.com",
        "a\u202e@example.com",
        "admin@exam_ple.com",
        '"a b"@example.com',
        "a\ud800@x.org",
    ],
)
def test_email_is_refused(typed: str) -> None:
    """What no mail server takes is refused before it is saved."""
    assert not accepts(EMAIL, typed)


@given(st.emails())
def test_ordinary_emails_are_taken(email: str) -> None:
    """No letters-and-digits address is refused, and the kept one stays as it is."""
    local, _, domain = email.partition("@")
    if (
        local.isalnum()
        and len(local) <= 64
        and len(domain) < 150
        and "--" not in domain
        and "xn-" not in domain
    ):
        reserved = {"local", "invalid", "onion", "localhost", "arpa", "alt", "internal", "test"}
        if domain.rpartition(".")[2].lower() not in reserved:
            kept = EMAIL.validate_python(email)
            assert EMAIL.validate_python(kept) == kept


@pytest.mark.parametrize(
    "typed", ["", "tm01-register", "DOMAIN\\user", "user@example.com", "Jürgen Müller", "a" * 255]
)
def test_user_name_is_taken(typed: str) -> None:
    """Domain users, mail addresses and names with letters of any script are user names."""
    assert USER.validate_python(typed) == typed


@pytest.mark.parametrize(
    "typed",
    ["a:b", " a", "a ", "a\n", "a\x00b", "a\x1b", "a\u202eb", "a\u200bb", "a\u2028b", "ü" * 128, "a\ud800"],
)
def test_user_name_is_refused(typed: str) -> None:
    """A colon, invisible characters and over 255 bytes are refused."""
    assert not accepts(USER, typed)


@given(st.text(max_size=200))
def test_password_is_kept_to_the_letter(text: str) -> None:
    """Nothing in a password is stripped or normalised, whatever its characters."""
    assert PASSWORD.validate_python(text).get_secret_value() == text


@pytest.mark.parametrize(
    ("text", "good"), [("x" * 1024, True), ("ü" * 512, True), ("ü" * 513, False), ("\ud800", False)]
)
def test_password_limits(text: str, good: bool) -> None:
    """1024 bytes of UTF-8 at most, and no half characters."""
    assert accepts(PASSWORD, text) == good


@pytest.mark.parametrize(
    ("path", "good"), [("", True), ("/etc/ca.pem", True), ("ca.pem", False), ("/a\x1bb", False)]
)
def test_ca_file_is_a_whole_path(path: str, good: bool) -> None:
    """The agent works in another folder than the admin: only a path from the root means the same."""
    assert accepts(CA_FILE, path) == good
