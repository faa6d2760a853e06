"""A host that console users reach over SSH: real sshd with the package's recipe and launcher, a client."""

import contextlib
import os
import pwd
import select
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from e2e.terminal import Terminal
from servers.account import Account
from servers.launcher import ROOT, Launcher, launcher
from servers.openssh import sshd, throwaway
from servers.process import folder, program

PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run")


@dataclass(frozen=True)
class ConsoleHost:
    """`port` is sshd with the recipe to the letter, `wide` the same with `AcceptEnv *`."""

    port: int
    wide: int
    account: Account
    launcher: Launcher
    place: Path
    config: Path
    before: frozenset[str] = frozenset()
    """What lay there before the user did anything: a killed run's leftovers, of a user of the same number."""

    @property
    def uid(self) -> int:
        """The console user's number."""
        return pwd.getpwnam(self.account.name).pw_uid

    def options(self, port: int | None = None, flag: str = "-p") -> list[str]:
        """How every client program reaches it."""
        said = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"]
        words = [word for option in said for word in ("-o", option)]
        return ["-F", "none", "-i", str(self.place / "key"), flag, str(port or self.port), *words]

    def client(
        self, name: str, *words: str, flag: str = "-p", given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run ssh, scp or sftp to its end."""
        return subprocess.run(
            [program(name), *self.options(flag=flag), *words],
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def at(self) -> str:
        """user@host."""
        return f"{self.account.name}@127.0.0.1"

    def console(self, *words: str, term: str = "xterm", wide: bool = False, **environ: str) -> Terminal:
        """Log in on a terminal; `words` are options of ssh, then perhaps a command behind `--`."""
        at = next((at for at, word in enumerate(words) if word == "--"), len(words))
        options = self.options(self.wide if wide else self.port)
        argv = [program("ssh"), "-tt", *options, *words[:at], self.at, *words[at + 1 :]]
        return Terminal(argv, {"PATH": os.environ["PATH"], "TERM": term, **environ})

    def processes(self) -> dict[int, str]:
        """What runs for the console user, by name."""
        found = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                text = (entry / "status").read_text() if entry.name.isdigit() else ""
                if f"\nUid:\t{self.uid}\t" in text and "\nState:\tZ" not in text:
                    found[int(entry.name)] = text.split("\n")[0].split("\t")[1]
        return found

    def left(self) -> dict[int, str]:
        """What still runs for the console user when all that ends has had its time."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(pid)
                select.select([handle], [], [], 10)
                os.close(handle)
        return self.processes()

    def python(self) -> int:
        """The console's process."""
        (pid,) = [pid for pid, name in self.processes().items() if name.startswith("python")]
        return pid

    def traces(self) -> list[str]:
        """All files that this user made or changed, wherever it could write one, each with when."""
        where = (*PLACES, str(self.account.home))
        command = ["find", *where, "-xdev", "-mindepth", "1", "-user", str(self.uid), "-printf", "%p %C@\\n"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        home = f"{self.account.home} "
        return [
            line for line in done.stdout.splitlines() if line not in self.before and not line.startswith(home)
        ]


def variables(text: Mapping[str, str]) -> list[str]:
    """Options of ssh that send these variables."""
    return ["-o", "SetEnv=" + " ".join(f'{name}="{value}"' for name, value in text.items())]


def recipe(who: Account, console: Path, place: Path) -> str:
    """The package's own text, for this user and these places."""
    text = (ROOT / "packaging" / "files" / "sshd_config.conf").read_text()
    changes = {
        "Match Group tm-console": f"Match User {who.name}",
        "/usr/lib/tm-tui/console": str(console),
        "/etc/ssh/authorized_keys.d/%u": str(place / "key.pub"),
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return "Subsystem sftp internal-sftp\n" + text + "    PubkeyAuthentication yes\n"


@contextlib.contextmanager
def console_host() -> Iterator[ConsoleHost]:
    """Run both sshd, for one console user whose login shell is the launcher."""
    with launcher() as made, throwaway() as who, folder("ssh-client") as place:
        subprocess.run([program("usermod"), "--shell", str(made.console), who.name], check=True)
        key = place / "key"
        subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        key.with_suffix(".pub").chmod(0o644)
        text = recipe(who, made.console, place)
        with (
            sshd(who, more=text) as strict,
            sshd(who, more=text.replace("AcceptEnv LANG", "AcceptEnv *")) as wide,
        ):
            host = ConsoleHost(strict.port, wide.port, who, made, place, strict.keys / "sshd_config")
            yield replace(host, before=frozenset(host.traces()))
