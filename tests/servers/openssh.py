"""OpenSSH's sshd with password login and internal-sftp."""

import contextlib
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from servers.account import Account, account
from servers.process import daemon, folder, program

CONFIG = """
{first}
ListenAddress 127.0.0.1:{port}
HostKey {key}
PidFile none
UsePAM yes
PasswordAuthentication {password}
KbdInteractiveAuthentication {keyboard}
PubkeyAuthentication no
StrictModes no
LogLevel VERBOSE
MaxStartups 100
LoginGraceTime 20
{more}
"""


@dataclass(frozen=True)
class Sshd:
    """A running sshd. `log` names each logon that was tried."""

    port: int
    account: Account
    keys: Path
    log: Path

    def fingerprint(self, kind: str = "ed25519") -> str:
        """What ssh-keygen says of the host key."""
        command = [program("ssh-keygen"), "-lf", str(self.keys / f"{kind}.pub")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1]


def make_keys(path: Path, kinds: Iterable[str]) -> None:
    """Fresh host keys of these types."""
    for kind in kinds:
        bits = ["-b", "2048"] if kind == "rsa" else []
        command = [program("ssh-keygen"), "-q", "-t", kind, *bits, "-N", "", "-f", str(path / kind)]
        subprocess.run(command, check=True)


@contextlib.contextmanager
def sshd(
    who: Account,
    *,
    key: str = "ed25519",
    keyboard: bool = False,
    more: str = "Subsystem sftp internal-sftp",
    first: str = "",
) -> Iterator[Sshd]:
    """Run sshd for one account; `more` is added to its configuration, `first` counts before all of it."""
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's own, and it insists
    with folder("sshd") as base:
        make_keys(base, {"ed25519", key})
        config, log = base / "sshd_config", base / "log"

        def command(ports: list[int]) -> list[str]:
            text = CONFIG.format(
                port=ports[0],
                key=base / key,
                password="no" if keyboard else "yes",
                keyboard="yes" if keyboard else "no",
                more=more,
                first=first,
            )
            config.write_text(text)
            return [program("sshd"), "-D", "-e", "-f", str(config)]

        with daemon(command, 1, log) as ports:
            yield Sshd(ports[0], who, base, log)


@contextlib.contextmanager
def throwaway() -> Iterator[Account]:
    """An account with a home of its own."""
    with folder("home") as base, account(base / "home") as who:
        yield who
