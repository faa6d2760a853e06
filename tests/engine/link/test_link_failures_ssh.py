"""What SSH servers refuse, for real; and that no credential leaves before the host key is approved."""

import asyncio
import contextlib
import subprocess
from pathlib import Path

import asyncssh
import pytest
from ways import Ways, credentials, fails, open_handles

from servers import misbehaving as bad
from servers.account import Account
from servers.limits import hasty
from servers.openssh import Sshd, sshd, throwaway
from servers.ssh_lab import Broken, lab
from servers.web import Web
from tm_tui.link.host_keys import HostKey
from tm_tui.link.sftp import fetch_host_key, open_sftp
from tm_tui.link.types import Link

LAB = credentials("labuser", "lab-pässword")


async def connect(ways: Ways, link: Link) -> None:
    """Open and close a file transfer."""
    async with open_sftp(link, observe=ways.observe):
        pass


async def approved(ways: Ways, link: Link) -> Link:
    """Approve the key that the link's server shows."""
    ways.host_keys.approve(await fetch_host_key(link))
    return link


def other_key(link: Link, kind: str = "ssh-ed25519") -> HostKey:
    """A key of the link's endpoint that is not its server's."""
    key = asyncssh.generate_private_key(kind, **({"key_size": 2048} if kind == "ssh-rsa" else {}))
    algorithm, blob = key.export_public_key().decode().split()[:2]
    return HostKey.of(link.endpoint, algorithm, blob)


def to(ways: Ways, server: Sshd, password: str | None = None) -> Link:
    """A link to sshd with its account's password, or another one."""
    return ways.to(server.port, credentials(server.account.name, password or server.account.password))


@pytest.mark.parametrize("filed", [None, "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
async def test_a_key_that_is_not_approved_gets_no_credentials(
    ways: Ways, openssh: Sshd, filed: str | None
) -> None:
    """Unknown, changed and new-type keys are told apart, shown to the admin, and get no logon."""
    link = to(ways, openssh)
    code = {None: "host-key-unknown", "ssh-ed25519": "host-key-changed"}.get(filed, "host-key-new-type")
    if filed:
        ways.host_keys.approve(other_key(link, filed))
    before = openssh.log.read_text().count(openssh.account.name)
    with fails(code, "host_key") as caught:
        await connect(ways, link)
    shown = caught.value.host_key
    assert shown
    assert shown.fingerprint == openssh.fingerprint()
    assert shown.fingerprint in caught.value.cause
    assert set(ways.passed()) == {"name", "tcp"}
    assert openssh.log.read_text().count(openssh.account.name) == before


async def test_the_password_is_kept_from_a_changed_server(ways: Ways) -> None:
    """A server that takes any password is not told ours while its key is another one."""
    async with lab() as server:
        link = ways.to(server.port, LAB)
        ways.host_keys.approve(other_key(link))
        with fails("host-key-changed", "host_key"):
            await connect(ways, link)
        assert server.told == []


async def test_a_key_shown_without_owning_it(ways: Ways) -> None:
    """A server that shows the approved key and cannot sign with it is refused, and told no password."""
    async with lab(pretend=True) as server:
        link = await approved(ways, ways.to(server.port, LAB))
        with fails("host-key-invalid", "host_key"):
            await connect(ways, link)
        assert server.told == []


async def test_a_loose_file_of_host_keys(ways: Ways, openssh: Sshd) -> None:
    """A file of host keys that others may write is not believed."""
    link = await approved(ways, to(ways, openssh))
    ways.host_keys.path.chmod(0o666)
    with fails("host-keys-unreadable", "host_key"):
        await connect(ways, link)


async def test_no_credentials_at_all(ways: Ways, openssh: Sshd) -> None:
    """A form without a password fails as such, before anything is opened."""
    with fails("ssh-no-credentials", "authentication"):
        await connect(ways, ways.to(openssh.port))


async def test_openssh_refuses_the_password(ways: Ways, openssh: Sshd) -> None:
    """A wrong password is named as such, after the host key passed."""
    link = await approved(ways, to(ways, openssh, "wrong"))
    with fails("ssh-auth-refused", "authentication"):
        await connect(ways, link)
    assert ways.passed() == ["name", "tcp", "host_key"]


async def test_a_server_that_asks_by_keyboard(ways: Ways, local_account: Account) -> None:
    """A server that takes passwords by keyboard-interactive only (PAM) is served as well."""
    with sshd(local_account, keyboard=True) as server:
        await connect(ways, await approved(ways, to(ways, server)))
        with fails("ssh-auth-refused", "authentication"):
            await connect(ways, to(ways, server, "wrong"))


async def test_an_approved_type_is_asked_for(ways: Ways, local_account: Account) -> None:
    """A server that gains a key of another type keeps working under its approved one."""
    with sshd(local_account, key="rsa") as server:
        more = f"Subsystem sftp internal-sftp\nHostKey {server.keys}/ed25519"
        link = await approved(ways, to(ways, server))
        assert ways.host_keys.entries()[0].algorithm == "ssh-rsa"
        await connect(ways, link)
        with sshd(local_account, key="rsa", more=more.replace(str(server.keys), str(server.keys))) as both:
            assert (await fetch_host_key(to(ways, both))).algorithm == "ssh-ed25519"
            rsa = (both.keys / "rsa.pub").read_text().split()
            ways.host_keys.approve(HostKey.of(to(ways, both).endpoint, rsa[0], rsa[1]))
            await connect(ways, to(ways, both))


async def test_no_file_transfer_for_the_account(ways: Ways, local_account: Account) -> None:
    """A server without SFTP is told apart from a refused password."""
    with sshd(local_account, more="") as server:
        link = await approved(ways, to(ways, server))
        with fails("sftp-not-offered", "service"):
            await connect(ways, link)


REFUSING = {
    "ssh-password-not-offered": ("PasswordAuthentication no", "PubkeyAuthentication yes"),
    "ssh-more-wanted": ("AuthenticationMethods password,publickey", "PubkeyAuthentication yes"),
}


@pytest.mark.parametrize("code", REFUSING)
async def test_a_server_that_wants_another_logon_is_named(
    ways: Ways, local_account: Account, code: str
) -> None:
    """No password wanted, or a key besides: that is no wrong password."""
    more = "\n".join(REFUSING[code])
    with sshd(local_account, more="Subsystem sftp internal-sftp", first=more) as server:
        link = await approved(ways, to(ways, server))
        with fails(code, "authentication"):
            await connect(ways, link)
        if code == "ssh-more-wanted":
            with fails("ssh-auth-refused", "authentication"):
                await connect(ways, to(ways, server, "wrong"))


class _AsksForACode(asyncssh.SSHServer):
    """PAM with a second question, by keyboard-interactive alone."""

    second = "Verification code: "

    def kbdint_auth_supported(self) -> bool:
        return True

    async def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> object:
        return "", "", "", [("Password: ", False)]

    async def validate_kbdint_response(self, username: str, responses: list[str]) -> object:
        return (
            ("", "", "", [(self.second, False)]) if responses == [LAB.password.get_secret_value()] else False
        )


class _WantsANewPassword(_AsksForACode):
    second = "New password: "


@pytest.mark.parametrize(
    ("kind", "code"), [(_AsksForACode, "ssh-more-wanted"), (_WantsANewPassword, "ssh-password-expired")]
)
async def test_a_second_question_gets_no_password(
    ways: Ways, kind: type[asyncssh.SSHServer], code: str
) -> None:
    """A code, or a new password, is asked for: the password is not sent there, and the cause is named."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    async with await asyncssh.listen("127.0.0.1", 0, server_factory=kind, server_host_keys=[key]) as server:
        link = await approved(ways, ways.to(server.get_port(), LAB))
        with fails(code, "authentication"):
            await connect(ways, link)


async def test_an_expired_password_is_named(ways: Ways) -> None:
    """OpenSSH lets such an account in, and ends its session with a sentence on standard error."""
    with throwaway() as who, sshd(who) as server:
        link = await approved(ways, to(ways, server))
        await connect(ways, link)
        await asyncio.to_thread(subprocess.run, ["chage", "-d", "0", who.name], check=True)
        with fails("ssh-password-expired", "service"):
            await connect(ways, link)


SUBSYSTEMS = {
    "sftp-text-before": "echo Welcome to the log server.; exec /usr/lib/openssh/sftp-server",
    "sftp-not-offered": "exit 1",
}


@pytest.mark.parametrize("code", SUBSYSTEMS)
async def test_why_a_file_transfer_does_not_begin_is_told(
    ways: Ways, local_account: Account, code: str
) -> None:
    """What the account's start files or the server itself say instead is quoted."""
    with sshd(local_account, more=f"Subsystem sftp {SUBSYSTEMS[code]}") as server:
        link = await approved(ways, ways.to(server.port, to(ways, server).credentials))
        with fails(code, "service") as caught:
            await connect(ways, link)
        assert ("Welcome to the log server." in caught.value.cause) is (code == "sftp-text-before")


async def test_a_reason_on_standard_error_is_quoted(ways: Ways) -> None:
    """Other servers than OpenSSH pass on what the file transfer says when it ends at once."""

    class Ends(asyncssh.SSHServerSession[bytes]):
        def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
            self.chan = chan

        def subsystem_requested(self, subsystem: str) -> bool:
            return True

        def session_started(self) -> None:
            self.chan.write_stderr(b"Quota \x1b[31mexceeded.\n")
            self.chan.exit(1)

    class Open(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

        def session_requested(self) -> Ends:
            return Ends()

    key = asyncssh.generate_private_key("ssh-ed25519")
    options = {"server_factory": Open, "server_host_keys": [key], "encoding": None}
    async with await asyncssh.listen("127.0.0.1", 0, **options) as server:
        link = await approved(ways, ways.to(server.get_port(), LAB))
        with fails("sftp-ended", "service") as caught:
            await connect(ways, link)
        assert "exceeded." in caught.value.cause


async def test_a_server_without_a_free_session_is_named(ways: Ways, local_account: Account) -> None:
    """The logon passes and no session is left: that is not "no SFTP"."""
    with sshd(local_account, more="Subsystem sftp internal-sftp\nMaxSessions 0") as server:
        link = await approved(ways, to(ways, server))
        with fails("ssh-no-session", "service"):
            await connect(ways, link)


@pytest.mark.parametrize(
    ("key", "old"),
    [
        ("ed25519", "KexAlgorithms diffie-hellman-group14-sha1"),
        ("rsa", "HostKeyAlgorithms ssh-rsa"),
        ("ed25519", "Ciphers aes256-cbc"),
        ("ed25519", "Ciphers aes256-ctr\nMACs hmac-sha1"),
    ],
)
async def test_no_common_algorithms(ways: Ways, local_account: Account, key: str, old: str) -> None:
    """A server that knows old algorithms only, of any kind, is refused, and that is the cause."""
    with sshd(local_account, key=key, more=old) as server, fails("ssh-no-common-algorithm", "host_key"):
        await connect(ways, to(ways, server))


@pytest.mark.parametrize("look", [False, True])
async def test_a_web_server_at_the_port(ways: Ways, web: Web, look: bool) -> None:
    """Protocol SSH against a web server: the remedy is the port and the protocol."""
    link = ways.to(web.plain_port, LAB)
    with fails("ssh-not-spoken", "host_key"):
        await (fetch_host_key(link) if look else connect(ways, link))


async def test_tls_at_the_port(ways: Ways, web: Web) -> None:
    """Protocol SSH against an HTTPS port: the remedy is the port and the protocol."""
    with fails("ssh-not-spoken", "host_key"):
        await connect(ways, ways.to(web.port, LAB))


@pytest.mark.parametrize("banner", [b"\x1b[2J\x07garbage\r\n" * 3, b"SSH-1.5-old\r\n"])
async def test_garbage_instead_of_a_banner(ways: Ways, banner: bytes) -> None:
    """Something else at the port is named, and its escapes stay out of the text."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        await writer.drain()
        await reader.readline()

    async with bad.server(behave) as told:
        with fails("ssh-not-spoken", "host_key"):
            await connect(ways, ways.to(told.port, LAB))


@pytest.mark.parametrize("behave", [bad.close_at_once, bad.close_after_hearing])
async def test_closed_before_ssh(ways: Ways, behave: bad.Behaviour) -> None:
    """A server that hangs up at once, as after too many wrong passwords, is told so."""
    async with bad.server(behave) as told:
        with fails("ssh-closed", "host_key"):
            await connect(ways, ways.to(told.port, LAB))


@pytest.mark.parametrize("banner", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
async def test_silence_before_ssh(ways: Ways, banner: bytes) -> None:
    """A black hole, before or after its banner, ends within the limit, and its socket is closed."""
    async with bad.server(bad.greet(banner)) as told:
        with fails("ssh-timeout", "host_key"):
            await connect(ways, ways.to(told.port, LAB, limits=hasty("handshake")))
        async with asyncio.timeout(60):
            await told.all_gone.wait()


async def test_a_cancelled_handshake_leaves_no_socket(ways: Ways) -> None:
    """An admin who leaves the test screen at a black hole leaves no connection behind."""
    async with bad.server(bad.say_nothing) as told:
        task = asyncio.create_task(connect(ways, ways.to(told.port, LAB)))
        await told.somebody.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(60):
            await told.all_gone.wait()


async def test_a_logon_that_hangs(ways: Ways) -> None:
    """A server whose directory service is dead ends within the limit."""
    async with lab(logon="hang") as server:
        link = await approved(ways, ways.to(server.port, LAB, limits=hasty("login")))
        with fails("ssh-login-timeout", "authentication"):
            await connect(ways, link)
        assert server.told == ["lab-pässword"]


async def test_a_logon_that_is_cut(ways: Ways) -> None:
    """A server that hangs up on the password is told apart from one that refuses it."""
    async with lab(logon="cut") as server:
        link = await approved(ways, ways.to(server.port, LAB))
        with fails("ssh-login-closed", "authentication"):
            await connect(ways, link)


async def test_a_disconnect_in_the_middle(ways: Ways, tmp_path: Path) -> None:
    """A server that says good-bye in the middle of the work gives a failure of the service."""
    async with lab(sftp=Broken, folder=tmp_path) as server:
        link = await approved(ways, ways.to(server.port, LAB))
        with fails("reply-closed", "service"):
            async with open_sftp(link) as sftp:
                server.connections[-1].disconnect(asyncssh.DISC_BY_APPLICATION, "\x1b[2Jbye")
                await sftp.client.listdir(".")


@pytest.mark.parametrize(
    ("path", "code"), [("/root/tm-tui-test", "remote-denied"), ("missing/folder/x", "remote-no-folder")]
)
async def test_openssh_refuses_a_file(ways: Ways, openssh: Sshd, path: str, code: str) -> None:
    """Missing rights and a missing folder on the log server are told apart."""
    link = await approved(ways, to(ways, openssh))
    with fails(code, "service"):
        async with open_sftp(link) as sftp, sftp.client.open(path, "wb") as file:
            await file.write(b"x")


@pytest.mark.parametrize(
    ("flags", "free", "code"),
    [(0, 0, "remote-disk-full"), (1, 50, "remote-read-only"), (0, 50, "remote-file-failed")],
)
async def test_a_bare_failure_is_looked_into(
    ways: Ways, tmp_path: Path, flags: int, free: int, code: str
) -> None:
    """SFTP says only "failure" for a full disk: asking for the disk's state tells it."""

    class Disk(Broken):
        pass

    Disk.flags, Disk.free = flags, free
    async with lab(sftp=Disk, folder=tmp_path) as server:
        link = await approved(ways, ways.to(server.port, LAB))
        with fails(code, "service"):
            async with open_sftp(link) as sftp, sftp.client.open("x", "wb") as file:
                await file.write(b"x")


async def test_a_failure_can_be_explained_by_the_caller(ways: Ways, tmp_path: Path) -> None:
    """Whoever handles a file's error inside the transfer gets the same words."""
    async with lab(sftp=Broken, folder=tmp_path) as server:
        link = await approved(ways, ways.to(server.port, LAB))
        async with open_sftp(link) as sftp:
            with fails("remote-disk-full", "service"):
                async with sftp.explained(), sftp.client.open("x", "wb") as file:
                    await file.write(b"x")


async def test_the_connection_ends_with_the_transfer(ways: Ways, openssh: Sshd) -> None:
    """Nothing stays open after a transfer, whether it went well or not."""
    link = await approved(ways, to(ways, openssh))
    before = open_handles()
    await connect(ways, link)
    with contextlib.suppress(ZeroDivisionError):
        async with open_sftp(link):
            raise ZeroDivisionError
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert open_handles() <= before
