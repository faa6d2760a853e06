"""Which passwords an operator may have, and that each place where one is set asks for the same."""

import hashlib
from pathlib import Path

import pytest
from portals import opened_portal, told
from pydantic import SecretStr

from tm_tui.errors import TmError
from tm_tui.portal import accounts, strength

DOCS = Path(__file__).parents[3] / "docs"
NAME = "eve.miller"


@pytest.mark.parametrize(
    "password",
    [
        "rain on a tin roof",
        "einbisschenregen",
        "Hx7!pQ2z#Lw9",
        "дождь по крыше",
        "雨が屋根を叩く音がする夜",
        "123456789 geese over a lake",
    ],
)
def test_long_ones_are_taken(password: str) -> None:
    """No rule says which signs: words, any script, blanks."""
    strength.check(NAME, password)
    assert accounts.matches(accounts.secret_for(NAME, SecretStr(password), "operator"), password.encode())


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("eleven sign", "12 characters or more"),
        ("雨が屋根を叩く音がする", "12 characters or more"),
        ("password1234", "tried first"),
        ("P4$$w0rd!2026", "tried first"),
        ("correct horse battery staple", "tried first"),
        ("tmsp-portal-2026", "tried first"),
        ("Eve.Miller-2025!", "tried first"),
        ("millermillermiller", "tried first"),
        ("xk7xk7xk7xk7xk7", "tried first"),
        ("aaaaaaaaaaaaaaaa", "tried first"),
        ("qwertyuiop[]", "tried first"),
        ("0987654321zyxwvu", "tried first"),
        ("ＰＡＳＳＷＯＲＤＰＡＳＳＷＯＲＤ", "tried first"),
        ("password" * 100, "tried first"),
    ],
)
def test_those_that_are_tried_first_are_not(password: str, words: str) -> None:
    """Short, common, of the names, rows and repetitions: refused in words that say what to do instead."""
    with pytest.raises(TmError, match=words) as refused:
        strength.check(NAME, password)
    assert "few words" in refused.value.remedy
    assert password not in f"{refused.value.cause} {refused.value.remedy}"


def test_what_is_kept_is_as_costly_as_docs_say() -> None:
    """Whoever gets hold of the disk pays scrypt's price for each guess: that of docs/protocol.md."""
    kept = accounts.secret_for("lab", SecretStr("rain"), "appliance")
    salt, digest = (bytes.fromhex(part) for part in kept.split(":"))
    again = hashlib.scrypt(b"rain", salt=salt, n=16384, r=8, p=1, maxmem=1 << 26, dklen=32)
    assert (again, len(salt)) == (digest, 16)
    assert "scrypt, N=16384, r=8, p=1" in (DOCS / "protocol.md").read_text()


async def test_commands_ask_for_the_same(tmp_path: Path) -> None:
    """`operator add` and `operator password` refuse a short one; accounts of appliances are as before."""
    async with opened_portal(tmp_path / "home"):
        home = ("--home", str(tmp_path / "home"))
        refused = told("operator", "add", "eve", *home, stdin="short\n")
        assert (refused.returncode, "12 characters or more" in refused.stderr) == (1, True)
        assert told("operator", "add", "eve", *home, stdin="rain on a tin roof\n").returncode == 0
        refused = told("operator", "password", "eve", *home, stdin="password1234\n")
        assert (refused.returncode, "tried first" in refused.stderr) == (1, True)
        assert told("account", "add", "lab", *home, stdin="short\n").returncode == 0
