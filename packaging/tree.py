"""The files of the .deb: a virtual environment of the pinned wheels under /opt, and what the system needs."""

import csv
import io
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "packaging" / "files"
STATIC = {
    "tm-tui": ("usr/bin/tm-tui", 0o755),
    "console": ("usr/lib/tm-tui/console", 0o755),
    "tm-tui-agent.service": ("usr/lib/systemd/system/tm-tui-agent.service", 0o644),
    "tm-tui-getty@.service": ("usr/lib/systemd/system/tm-tui-getty@.service", 0o644),
    "sysusers.conf": ("usr/lib/sysusers.d/tm-tui.conf", 0o644),
    "tmpfiles.conf": ("usr/lib/tmpfiles.d/tm-tui.conf", 0o644),
    "sshd_config.conf": ("usr/share/doc/tm-tui/examples/sshd_config.d/tm-tui.conf", 0o644),
}
PORTAL_STATIC = {
    "tm-tui-portal": ("usr/bin/tm-tui-portal", 0o755),
    "tm-tui-portal.service": ("usr/lib/systemd/system/tm-tui-portal.service", 0o644),
    "portal-sysusers.conf": ("usr/lib/sysusers.d/tm-tui-portal.conf", 0o644),
    "portal-tmpfiles.conf": ("usr/lib/tmpfiles.d/tm-tui-portal.conf", 0o644),
    "portal.toml": ("usr/share/doc/tm-tui-portal/examples/portal.toml", 0o644),
}


@dataclass(frozen=True)
class Package:
    """One of our packages: its program lies in /opt/`name`, with the pinned wheels of one list."""

    name: str
    requirements: str
    static: dict[str, tuple[str, int]]
    scripts: str
    """The folder beside this file with the scripts of its life."""
    left_out: tuple[str, ...] = ()
    """Folders of our wheel that it does not hold."""


APPLIANCE = Package("tm-tui", "runtime.txt", STATIC, "debian", left_out=("tm_tui/portal",))
PORTAL = Package("tm-tui-portal", "portal.txt", PORTAL_STATIC, "debian-portal")
COMPLETION = {
    "bash": "usr/share/bash-completion/completions/tm-tui",
    "zsh": "usr/share/zsh/vendor-completions/_tm-tui",
    "fish": "usr/share/fish/vendor_completions.d/tm-tui.fish",
}


def run(*command: str | Path, **more: object) -> None:
    """Run a step of the build; its failure is the build's."""
    subprocess.run([str(word) for word in command], check=True, **more)  # type: ignore[call-overload]


def make_environment(tree: Path, python: str, wheel: Path, package: Package = APPLIANCE) -> Path:
    """Install the pinned wheels and ours below `tree`/opt; return its site-packages.

    What pip writes of the place where it ran (scripts, activation, the wheel's own path) does not go on: only
    the interpreter's links, the libraries and their metadata, with no trace of the build.
    """
    home = tree / "opt" / package.name
    run(python, "-m", "venv", "--without-pip", home)
    libraries = next((home / "lib").glob("python3*")) / "site-packages"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "-qq",
        "--python",
        home / "bin" / "python3",
    ]
    only = ["install", "--no-deps", "--no-compile", "--only-binary", ":all:"]
    run(*pip, *only, "--require-hashes", "-r", ROOT / "requirements" / package.requirements)
    run(*pip, *only, wheel)
    leave_out(libraries, package)
    _strip(home, libraries)
    _compile(tree, python, libraries)
    return libraries


def leave_out(libraries: Path, package: Package) -> None:
    """Take from our wheel what this package does not hold."""
    for name in package.left_out:
        shutil.rmtree(libraries / name)


def _strip(home: Path, libraries: Path) -> None:
    for path in (home / "bin").iterdir():
        if not path.name.startswith("python"):
            path.unlink()
    for name in ("include", "share", "lib64"):
        found = home / name
        found.unlink() if found.is_symlink() else shutil.rmtree(found, ignore_errors=True)
    settings = home / "pyvenv.cfg"
    kept = [line for line in settings.read_text().splitlines() if not line.startswith("command")]
    settings.write_text("\n".join(kept) + "\n")
    for name in ("direct_url.json", "REQUESTED", "INSTALLER"):
        for path in libraries.glob(f"*.dist-info/{name}"):
            path.unlink()
    for record in libraries.glob("*.dist-info/RECORD"):
        rows = csv.reader(io.StringIO(record.read_text()))
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerows(row for row in rows if (libraries / row[0]).exists())
        record.write_text(lines.getvalue())


def _compile(tree: Path, python: str, libraries: Path) -> None:
    """Byte code goes along: nobody but root could add it. It carries hashes instead of times."""
    fixed = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, "-I", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    run(*command, "-s", tree, "-p", "/", libraries, env=fixed)


def place_static(tree: Path, package: Package = APPLIANCE) -> None:
    """Launcher, units, users and examples."""
    for name, (place, mode) in package.static.items():
        put(tree / place, (FILES / name).read_text(), mode)


def place_completion(tree: Path, tm_tui: str) -> None:
    """The scripts that `tm-tui completion` prints."""
    for shell, place in COMPLETION.items():
        done = subprocess.run([tm_tui, "completion", shell], check=True, capture_output=True, text=True)
        put(tree / place, done.stdout.rstrip() + "\n", 0o644)


def put(path: Path, text: str, mode: int = 0o644) -> None:
    """Write one file of the package."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def even_out(tree: Path, moment: int) -> None:
    """The same modes and times whatever the builder's umask and clock are."""
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_symlink():
            os.utime(path, (moment, moment), follow_symlinks=False)
            continue
        runs = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if runs else 0o644)
        os.utime(path, (moment, moment))
    tree.chmod(0o755)
