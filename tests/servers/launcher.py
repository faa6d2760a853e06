"""The launcher of console users, and a copy of the program that every user of this machine may run.

The package has both under /usr and /opt; here they lie in a folder of their own, of hard links where that is
possible: the interpreter and the checkout may be root's alone.
"""

import contextlib
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from servers.process import folder

ROOT = Path(__file__).parents[2]
_NOT_NEEDED = shutil.ignore_patterns(
    "site-packages", "test", "tests", "idlelib", "tkinter", "config-*", "*.a"
)


@dataclass(frozen=True)
class Launcher:
    """`console` is the launcher; `home` has the folders that it names; `python` is what it runs."""

    console: Path
    home: Path
    python: Path


def _link(source: str, target: str) -> str:
    """Copy a file; a link where both lie on one disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def _interpreter(base: Path) -> Path:
    """The interpreter with its own library, without what is installed."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for part in ("bin", "lib"):
        (base / part).mkdir(parents=True)
    python = Path(_link(os.path.realpath(sys.executable), str(base / "bin" / name)))
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, base / "lib" / name, copy_function=_link, ignore=_NOT_NEEDED, symlinks=False)
    shared = Path(sysconfig.get_config_var("LIBDIR") or "/") / (sysconfig.get_config_var("INSTSONAME") or "-")
    if shared.suffix != ".a" and shared.is_file():
        _link(str(shared), str(base / "lib" / shared.name))
    return python


def _libraries(target: Path) -> None:
    """What the program needs at run time, and the program."""
    target.mkdir()
    pinned = (ROOT / "requirements" / "runtime.txt").read_text()
    for name in re.findall(r"^([A-Za-z0-9._-]+)==", pinned, re.MULTILINE):
        with contextlib.suppress(ModuleNotFoundError):  # one for other systems
            for file in distribution(name).files or ():
                place = target / str(file)
                if ".." in file.parts or not file.locate().is_file():
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                _link(str(file.locate()), str(place))
    for name in ("tm_tui", "screens"):
        shutil.copytree(ROOT / name, target / name, copy_function=_link)
    shutil.copy(ROOT / "docs" / "failures.md", target / "tm_tui")


def _for_all(base: Path) -> None:
    """Every folder can be passed; files were readable before."""
    for path in (base, *(path for path in base.rglob("*") if path.is_dir())):
        path.chmod(0o755)


@contextlib.contextmanager
def launcher() -> Iterator[Launcher]:
    """Put all in place, with the launcher's own text: only its places are others."""
    with folder("launcher") as base:
        python = _interpreter(base / "python")
        _libraries(next((base / "python" / "lib").glob("python3*")) / "site-packages")
        _for_all(base)
        text = (ROOT / "packaging" / "files" / "console").read_text()
        libraries = f"LD_LIBRARY_PATH={base}/python/lib "
        places = {
            "/opt/tm-tui/bin/python3": str(python),
            "/etc/tm-tui": f"{base}/c",
            "/var/lib/tm-tui": f"{base}/s",
            "/run/tm-tui": f"{base}/r",
            "env -i PATH": f"env -i {libraries}PATH",  # an interpreter that was moved needs its own library
        }
        for place, here in places.items():
            assert place in text, f"the launcher no longer names {place}"
            text = text.replace(place, here)
        console = base / "console"
        console.write_text(text)
        console.chmod(0o755)
        yield Launcher(console, base, python)
