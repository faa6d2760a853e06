"""Where what only the portal needs is not installed, its commands say so, and all others work."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from tm_tui.cli.portal_home import check_extra

ROOT = Path(click.__file__).parents[1]
TREE = Path(__file__).parents[3]
EXTRA = ("aiosmtplib", "alembic", "jinja2", "obstore", "psycopg", "sqlalchemy")
SCRIPT = (
    "import sys; sys.path[:0] = sys.argv[1:3]; del sys.argv[1:3]; from screens.__main__ import main; main()"
)


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that is installed here but the portal's own."""
    made = tmp_path_factory.mktemp("libraries")
    for path in ROOT.iterdir():
        if not path.name.lower().startswith(EXTRA) and path.suffix != ".pth":
            (made / path.name).symlink_to(path)
    return made


def run(libraries: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", "-c", SCRIPT, str(libraries), str(TREE), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "words",
    [
        ("portal", "--home", "nowhere"),
        ("portal", "serve", "--home", "nowhere"),
        ("portal", "account", "list", "--home", "nowhere"),
        ("portal", "db", "check", "--home", "nowhere"),
        ("demo",),
    ],
    ids=" ".join,
)
def test_the_missing_libraries_are_named(
    libraries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """In one line, with what brings them; nothing is made meanwhile."""
    monkeypatch.chdir(tmp_path)
    done = run(libraries, *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    for one in (*EXTRA, "pip install 'tm-tui[portal]'", "tm-tui-portal"):
        assert one in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_an_appliance_has_needs_none_of_them(libraries: Path) -> None:
    """The help of the portal and the commands of an appliance."""
    for words in (("portal", "--help"), ("explain", "remote-disk-full"), ("--version",)):
        done = run(libraries, *words)
        assert (done.returncode, done.stderr) == (0, ""), words


def test_here_they_are() -> None:
    """What the test hides is what the command looks for."""
    check_extra()
