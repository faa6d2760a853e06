"""A throwaway account of this machine: sshd and dante check passwords against the system's own."""

import contextlib
import os
import pwd
import re
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers.process import program


@dataclass(frozen=True)
class Account:
    """A local user, its password and its home folder."""

    name: str
    password: str
    home: Path


def _locked(command: list[str], given: str = "") -> None:
    """Run a command that locks the password files, again when another test has them."""
    for _ in range(200):
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        if "lock" not in done.stderr:
            assert done.returncode == 0, f"{command[0]}: {done.stderr}"
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(["tail", "-f", "/dev/null"], timeout=0.05, check=False)
    raise AssertionError(f"{command[0]} never got the lock of the password files")


def _sweep() -> None:
    """Remove what killed test runs left."""
    for entry in pwd.getpwall():
        match = re.fullmatch(r"tmtest([0-9]+)x[0-9a-f]{4}", entry.pw_name)
        if match and not Path("/proc", match[1]).exists():
            subprocess.run([program("userdel"), "--force", entry.pw_name], capture_output=True, check=False)


@contextlib.contextmanager
def account(home: Path) -> Iterator[Account]:
    """Make a user whose home is `home`, and remove it at the end. Needs root."""
    assert os.geteuid() == 0, "real password logins need root, to make a throwaway user"
    _sweep()
    name = f"tmtest{os.getpid()}x{secrets.token_hex(2)}"
    password = f"pa#ss %:@/ü-{secrets.token_hex(4)}"
    _locked([program("useradd"), "--no-create-home", "--home-dir", str(home), "--shell", "/bin/sh", name])
    try:
        _locked([program("chpasswd")], f"{name}:{password}\n")
        home.mkdir()
        subprocess.run(["chown", name, str(home)], check=True)
        home.chmod(0o755)
        yield Account(name, password, home)
    finally:
        _locked([program("userdel"), "--force", name])
