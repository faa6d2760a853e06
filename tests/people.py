"""Throwaway users of this machine in its real groups, and what they do in a process of theirs."""

import fcntl
import grp
import os
import pwd
import select
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Identity = tuple[int, list[int]]
"""A user's number, and the numbers of all its groups, the primary one first."""
ROLES = ("tm-admin", "tm-view", "")


@contextmanager
def people(viewers: int = 1) -> Iterator[dict[str, list[Identity]]]:
    """Users by their group ("" has none of ours), and root: so many viewers, one of each other role."""
    made: list[list[str]] = []
    suffix = f"{os.getpid() % 10000:04}"

    def run(*command: str) -> bool:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def new(role: str, number: int) -> Identity:
        name = f"tmt{role[3:4]}{suffix}{number or ''}"
        groups = ["-G", role] if role else []
        assert run("useradd", "--system", "-M", "-N", "-g", "nogroup", *groups, name), name
        made.append(["userdel", name])
        entry = pwd.getpwnam(name)
        return entry.pw_uid, os.getgrouplist(name, entry.pw_gid)

    with _locked():
        try:
            missing = [group for group in ROLES if group and not _exists(group)]
            made += [["groupdel", group] for group in missing if run("groupadd", "--system", group)]
            found = {
                role: [new(role, number) for number in range(viewers if role == "tm-view" else 1)]
                for role in ROLES
            }
            yield found | {"root": [(0, [0])]}
        finally:
            for command in reversed(made):
                run(*command)


@contextmanager
def settled_groups() -> Iterator[bool]:
    """While no other test makes or removes the groups: whether this machine has any of them."""
    with _locked():
        yield any(_exists(group) for group in ROLES if group)


@contextmanager
def _locked() -> Iterator[None]:
    """The groups are the machine's: one test process at a time has them."""
    with (Path(tempfile.gettempdir()) / "tm-tui-test-users.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _exists(group: str) -> bool:
    try:
        grp.getgrnam(group)
    except KeyError:
        return False
    return True


class Child:
    """A process that is some user and runs `work(reading, writing)`: two ends of pipes to its parent."""

    def __init__(self, identity: Identity, work: Callable[[int, int], None]) -> None:
        to_child, ours = os.pipe()
        self._said, from_child = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                top = max(to_child, from_child) + 1
                os.dup2(to_child, top)
                os.dup2(from_child, top + 1)
                os.closerange(3, top)  # the ends of other children's pipes among them
                os.closerange(top + 2, os.sysconf("SC_OPEN_MAX"))
                uid, groups = identity
                os.setgroups(groups)
                os.setgid(groups[0])
                os.setuid(uid)
                work(top, top + 1)
            except BaseException:
                traceback.print_exc()
                raise
            finally:
                os._exit(0)
        os.close(to_child)
        os.close(from_child)
        self._orders = ours
        self._lines = b""

    def line(self, seconds: float = 60.0) -> str:
        """The next line that it says. Blocks; raises TimeoutError, or EOFError when it has ended."""
        while b"\n" not in self._lines:
            ready, _, _ = select.select([self._said], [], [], seconds)
            if not ready:
                raise TimeoutError("the child says nothing")
            piece = os.read(self._said, 65536)
            if not piece:
                raise EOFError("the child has ended")
            self._lines += piece
        line, _, self._lines = self._lines.partition(b"\n")
        return line.decode()

    def ask(self, word: str) -> str:
        """Say a word to it, and return its next line."""
        os.write(self._orders, word.encode() + b"\n")
        return self.line()

    def end(self) -> None:
        """Let it end: nobody says anything to it any more."""
        os.close(self._orders)
        os.waitpid(self.pid, 0)
        os.close(self._said)
