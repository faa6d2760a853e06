"""Console users over real SSH: the console, and nothing else runs, leads elsewhere, or is written."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.terminal import Terminal
from servers.console_host import ConsoleHost, console_host, variables
from servers.process import free_port, is_open, program

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="sshd and its users need root")

ALLOWED = {"PATH", "TERM", "LANG", "LC_ALL", "LINES", "COLUMNS", "SSH_CONNECTION", "LD_LIBRARY_PATH"}
ALLOWED |= {"CONFIGURATION_DIRECTORY", "STATE_DIRECTORY", "RUNTIME_DIRECTORY"}


@pytest.fixture(scope="module")
def host() -> Iterator[ConsoleHost]:
    """One host for all attempts."""
    with console_host() as made:
        yield made


@pytest.fixture
def trap(host: ConsoleHost, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder that everyone may write to; at the end nothing may have come into it, nor be left anywhere."""
    folder = host.place / f"trap{abs(hash(request.node.name))}"
    folder.mkdir()
    folder.chmod(0o1777)
    evil = f"open('{folder}/python-ran', 'w')"
    for name in ("sitecustomize.py", "start.py", "textual_driver.py"):
        (folder / name).write_text(f"{evil}\n")
    (folder / "env.sh").write_text(f"touch {folder}/sh-ran\n")
    before = {path.name for path in folder.iterdir()}
    yield folder
    assert {path.name for path in folder.iterdir()} == before, "something was written"
    assert host.traces() == []
    assert host.left() == {}


def leave(terminal: Terminal) -> None:
    """F10, and the end of the connection."""
    terminal.settle()
    terminal.send("F10")
    terminal.wait_for_end()


def seen(terminal: Terminal) -> None:
    """Wait until the console has found its keys."""
    terminal.wait_for("F10 Exit")


def environment(host: ConsoleHost) -> dict[str, str]:
    """What the console's process was given."""
    data = Path(f"/proc/{host.python()}/environ").read_bytes().decode()
    return dict(line.split("=", 1) for line in data.split("\0") if line)


def test_a_login_is_the_console(host: ConsoleHost, trap: Path) -> None:
    """A login shows the console; beside it there is no shell, and it can gain no right, file or core."""
    with host.console(LANG="C.UTF-8") as terminal:
        seen(terminal)
        assert set(host.processes().values()) <= {"sshd", "python3.11", "python3.12", "python3.13"}
        assert len(host.processes()) == 2
        assert set(environment(host)) <= ALLOWED
        pid = host.python()
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
        limits = {line[:26].strip(): line[26:].split()[0] for line in lines}
        assert (limits["Max core file size"], limits["Max file size"]) == ("0", "0")
        status = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert status["NoNewPrivs"] == "1"
        assert int(status["SigIgn"], 16) >> (signal.SIGTSTP - 1) & 1
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
        leave(terminal)


SECRET_PARTS = ("mem", "environ", "maps", "fd/0", "stack", "auxv", "io")


def read_as(uid: int, pid: int) -> str:
    """What of a process's inside another process of this user can open."""
    parts = " ".join(f"/proc/{pid}/{part}" for part in SECRET_PARTS)
    script = f'for part in {parts}; do (exec 3<"$part") 2>/dev/null && echo "$part"; done; true'
    command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "sh", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_nobody_looks_into_console_or_agent(host: ConsoleHost, trap: Path) -> None:
    """Memory and environment of both are closed to other users, and to other processes of their own user."""
    home = host.launcher.home / "agent-home"
    home.mkdir()
    os.chown(home, host.uid, host.uid)
    ids = [f"--reuid={host.uid}", f"--regid={host.uid}", "--clear-groups"]
    environ = {"TM_TUI_HOME": str(home), "LD_LIBRARY_PATH": str(host.launcher.python.parents[1] / "lib")}
    command = [program("setpriv"), *ids, str(host.launcher.python), "-I", "-m", "tm_tui.cli", "agent"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as agent:
        try:
            assert agent.stderr
            while "serves" not in (line := agent.stderr.readline()):
                assert line, "the agent ended"
            assert read_as(host.uid, agent.pid) == ""
            assert read_as(65534, agent.pid) == ""
            assert "Max core file size        0 " in Path(f"/proc/{agent.pid}/limits").read_text()
        finally:
            agent.terminate()
            agent.communicate(timeout=60)
            shutil.rmtree(home)
    with host.console() as terminal:
        seen(terminal)
        assert read_as(host.uid, host.python()) == ""
        assert read_as(65534, host.python()) == ""
        assert read_as(0, host.python()) != "", "this looks at nothing"
        leave(terminal)


def test_no_key_stops_or_interrupts_it(host: ConsoleHost, trap: Path) -> None:
    r"""^Z, ^\ and ^C, an exclamation mark and Escape leave the admin in the console."""
    with host.console() as terminal:
        seen(terminal)
        pid = host.python()
        terminal.send("\x1a", "\x1c", "\x03", "!", "\x1b!", ":!sh\r", "\x1a")
        terminal.settle()
        assert host.python() == pid
        assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"T", "Z"}
        assert "F10 Exit" in terminal.text
        leave(terminal)


@pytest.mark.parametrize(
    "command",
    [
        "id",
        "touch {trap}/ran",
        "sh -c 'touch {trap}/ran'",
        "-c id",
        "$(touch {trap}/ran)`touch {trap}/ran`;touch {trap}/ran",
        "x\ntouch {trap}/ran",
        "internal-sftp",
        "{console} -c 'touch {trap}/ran'",
    ],
)
def test_no_command_is_run(host: ConsoleHost, trap: Path, command: str) -> None:
    """`ssh host id` runs nothing and says so; without a terminal there is no console either."""
    text = command.format(trap=trap, console=host.launcher.console)
    done = host.client("ssh", host.at, "--", text)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "the command that came along is not run" in done.stderr
    assert "uid=" not in done.stderr


def test_a_command_with_a_terminal_is_the_console_too(host: ConsoleHost, trap: Path) -> None:
    """`ssh -t host sh` shows the console."""
    with host.console("--", "sh", "-i") as terminal:
        seen(terminal)
        assert "sh" not in host.processes().values()
        leave(terminal)


def test_no_shell_by_other_ways(host: ConsoleHost, trap: Path) -> None:
    """`su - USER -c` and a login shell's `-c` of any other program meet the same launcher."""
    for words in (["-", host.account.name, "-c", f"touch {trap}/ran"], [host.account.name, "-c", "id"]):
        done = subprocess.run(
            ["su", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        assert done.returncode == 2
        assert "is not run" in done.stderr
        assert "uid=" not in done.stdout


@pytest.mark.parametrize("mode", [["-O"], []], ids=["rcp", "sftp"])
def test_no_file_is_copied(host: ConsoleHost, trap: Path, mode: list[str], tmp_path: Path) -> None:
    """Nothing is copied by scp in either direction, by the old way and by the new."""
    (tmp_path / "up").write_text("x")
    up = host.client("scp", *mode, str(tmp_path / "up"), f"{host.at}:{trap}/up", flag="-P")
    down = host.client("scp", *mode, f"{host.at}:/etc/hostname", str(tmp_path / "down"), flag="-P")
    assert up.returncode != 0
    assert down.returncode != 0
    assert not (tmp_path / "down").exists()


def test_no_sftp(host: ConsoleHost, trap: Path) -> None:
    """SFTP gives nothing, although this sshd offers it to others."""
    done = host.client("sftp", "-b", "-", host.at, flag="-P", given=f"put /etc/hostname {trap}/x\nls /\n")
    assert done.returncode != 0
    assert "etc" not in done.stdout.split("sftp> ls /")[-1]


@pytest.fixture
def target() -> Iterator[socket.socket]:
    """A service on the host's loopback that nobody may reach through it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening
        with pytest.raises(BlockingIOError):
            listening.accept()


def replies(port: int, request: bytes, count: int) -> bytes:
    """Connect to the client's end of a tunnel, say something, read what comes until the end."""
    data = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        with contextlib.suppress(ConnectionResetError):
            while len(data) < count and (more := connection.recv(100)):
                data += more
    return data


@pytest.mark.parametrize("kind", ["-L", "-L-unix", "-D"])
def test_no_tunnel_leads_out(host: ConsoleHost, trap: Path, target: socket.socket, kind: str) -> None:
    """-L and -D open a port at the client that leads nowhere."""
    here, there = free_port(), target.getsockname()[1]
    words = {
        "-L": ["-L", f"{here}:127.0.0.1:{there}"],
        "-L-unix": ["-L", f"{here}:{host.launcher.home}/r/control.sock"],
        "-D": ["-D", str(here)],
    }[kind]
    client = subprocess.Popen(
        [program("ssh"), "-N", *host.options(), *words, host.at],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        while not is_open(here):
            assert client.poll() is None, client.stderr and client.stderr.read()
        if kind == "-D":
            request = b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01" + there.to_bytes(2, "big")
            answer = replies(here, request, 4)
            assert answer[:2] == b"\x05\x00", "the client's own part of SOCKS"
            assert answer[3:4] != b"\x00"
        else:
            assert replies(here, b"hello", 1) == b""
    finally:
        client.kill()
        client.communicate(timeout=60)


def test_no_tunnel_leads_in(host: ConsoleHost, trap: Path, target: socket.socket) -> None:
    """-R is refused."""
    there = target.getsockname()[1]
    done = host.client("ssh", "-N", "-o", "ExitOnForwardFailure=yes", "-R", f"0:127.0.0.1:{there}", host.at)
    assert done.returncode != 0
    assert "remote port forwarding failed" in done.stderr


def test_no_stream_leads_through(host: ConsoleHost, trap: Path, target: socket.socket) -> None:
    """-W is refused."""
    done = host.client("ssh", "-W", f"127.0.0.1:{target.getsockname()[1]}", host.at)
    assert done.returncode != 0
    assert "stdio forwarding failed" in done.stderr


def test_no_agent_and_no_display_is_forwarded(host: ConsoleHost, trap: Path) -> None:
    """-A and -Y leave no socket and no variable behind."""
    agent = subprocess.Popen(
        [program("ssh-agent"), "-D", "-a", str(host.place / "agent")], stdout=subprocess.DEVNULL
    )
    try:
        asked = {"SSH_AUTH_SOCK": str(host.place / "agent"), "DISPLAY": ":99"}
        with host.console("-A", "-Y", **asked) as terminal:
            seen(terminal)
            assert set(environment(host)) <= ALLOWED
            assert host.traces() == []
            leave(terminal)
    finally:
        agent.terminate()
        agent.wait(60)


def test_a_connection_has_one_session(host: ConsoleHost, trap: Path) -> None:
    """A shared connection opens no second session beside the console's."""
    control = str(host.place / "control")
    with host.console("-M", "-S", control) as terminal:
        seen(terminal)
        done = host.client("ssh", "-S", control, "-O", "check", host.at)
        assert done.returncode == 0, "there is no connection to share"
        done = host.client("ssh", "-S", control, host.at, "id")
        assert "Session open refused by peer" in done.stderr, "it took a connection of its own after that"
        leave(terminal)


def test_the_recipe_in_force(host: ConsoleHost) -> None:
    """The recipe is taken by sshd as it is meant, tunnels of whole networks included."""
    command = [
        program("sshd"),
        "-T",
        "-f",
        str(host.config),
        "-C",
        f"user={host.account.name},host=x,addr=192.0.2.1",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = set(done.stdout.splitlines())
    wanted = ("disableforwarding yes", "permittunnel no", "permituserenvironment no", "permituserrc no")
    assert set(wanted) | {"maxsessions 1", f"forcecommand {host.launcher.console}", "acceptenv LANG"} <= found


def hostile(trap: Path) -> dict[str, str]:
    """Variables that would run code, write files, or bring in other settings."""
    return {
        "TEXTUAL": "devtools,debug",
        "TEXTUAL_DRIVER": "textual_driver:Driver",
        "TEXTUAL_LOG": f"{trap}/textual.log",
        "TEXTUAL_DEBUG": "1",
        "TEXTUAL_SCREENSHOT": "0",
        "TEXTUAL_SCREENSHOT_LOCATION": str(trap),
        "TEXTUAL_SCREENSHOT_FILENAME": "shot.svg",
        "TEXTUAL_PRESS": "f10",
        "TEXTUAL_ALLOW_SIGNALS": "1",
        "PYTHONINSPECT": "1",
        "PYTHONPATH": str(trap),
        "PYTHONHOME": str(trap),
        "PYTHONSTARTUP": f"{trap}/start.py",
        "PYTHONBREAKPOINT": "start.run",
        "PYTHONPYCACHEPREFIX": str(trap),
        "PYTHONPROFILEIMPORTTIME": "1",
        "LD_PRELOAD": f"{trap}/none.so",
        "LD_LIBRARY_PATH": str(trap),
        "LD_DEBUG": "all",
        "LD_DEBUG_OUTPUT": f"{trap}/ld",
        "LESSOPEN": f"|touch {trap}/less %s",
        "SSLKEYLOGFILE": f"{trap}/keys",
        "ENV": f"{trap}/env.sh",
        "BASH_ENV": f"{trap}/env.sh",
        "PS4": f"$(touch {trap}/ps4)",
        "IFS": "/",
        "HOME": str(trap),
        "TMPDIR": str(trap),
        "TERMINFO": str(trap),
        "XDG_RUNTIME_DIR": str(trap),
        "TM_TUI_HOME": f"{trap}/home",
        "CONFIGURATION_DIRECTORY": str(trap),
        "_TM_TUI_COMPLETE": "bash_source",
        "EDITOR": f"touch {trap}/editor",
        "LANG": "../../x",
        "LC_ALL": f"{trap}",
        "LINES": "$(id)",
    }


@pytest.mark.parametrize("wide", [False, True], ids=["recipe", "accept-all"])
def test_no_variable_reaches_it(host: ConsoleHost, trap: Path, wide: bool) -> None:
    """Nothing runs and nothing is written, whatever a client sends; even where sshd would accept it all.

    (What the dynamic linker listens to must not pass sshd: it would meet the launcher's own shell. The
    recipe lets LANG pass only.)
    """
    sent = hostile(trap)
    if wide:
        sent = {name: value for name, value in sent.items() if not name.startswith("LD_")}
    with host.console(*variables(sent), wide=wide) as terminal:
        seen(terminal)
        found = environment(host)
        assert set(found) <= ALLOWED - {"LANG", "LC_ALL", "LINES"}
        assert found["CONFIGURATION_DIRECTORY"] == f"{host.launcher.home}/c"
        assert str(trap) not in "".join(found.values())
        leave(terminal)


@pytest.mark.parametrize(
    "term",
    ["../../../tmp/x", "\x1b]0;x\x07", "$(touch /tmp/x)", "a" * 500, ""],
    ids=["path", "escape", "substitution", "long", "empty"],
)
def test_no_terminal_type_is_too_strange(host: ConsoleHost, trap: Path, term: str) -> None:
    """A hostile TERM counts as none; the console still comes up, as plainly as it must."""
    with host.console(term=term) as terminal:
        seen(terminal)
        found = environment(host)
        assert "TERM" not in found
        assert set(found) <= ALLOWED
        leave(terminal)


def test_plain_lines_are_as_closed(host: ConsoleHost, trap: Path) -> None:
    """TERM=dumb gets the numbered menu in the same cage: same variables, no files, no agent of its own."""
    with host.console(term="dumb") as terminal:
        terminal.wait_for(lambda _: b"? help): " in terminal.raw)
        assert len(host.processes()) == 2
        assert set(environment(host)) <= ALLOWED
        limits = Path(f"/proc/{host.python()}/limits").read_text()
        assert "Max file size             0 " in limits
        terminal.send("!sh\r", "0\r")
        terminal.wait_for_end()


def test_the_users_own_files_count_for_nothing(host: ConsoleHost, trap: Path) -> None:
    """~/.ssh/rc and ~/.ssh/environment, should a home have them, are not looked at."""
    ssh = host.account.home / ".ssh"
    ssh.mkdir()
    (ssh / "rc").write_text(f"touch {trap}/rc-ran\n")
    (ssh / "environment").write_text(f"TM_TUI_HOME={trap}\nPYTHONPATH={trap}\n")
    (host.account.home / ".profile").write_text(f"touch {trap}/profile-ran\n")
    with host.console() as terminal:
        seen(terminal)
        assert set(environment(host)) <= ALLOWED
        leave(terminal)
