"""Faults of SSH: host keys, logons, file systems behind them."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh

from servers import misbehaving as bad
from servers.account import Account
from servers.bench import Bench, Row, row
from servers.limits import hasty
from servers.openssh import sshd, throwaway
from servers.probing import APPLIANCE, Trial

__all__ = ["ROWS"]

ROWS: list[Row] = []


@row(ROWS, "host_key", "host-key-unknown")
async def nobody_approved_the_key(bench: Bench) -> Trial:
    """A first visit."""
    return await bench.ssh(bench.openssh.port, who=bench.account)


@row(ROWS, "host_key", "host-key-changed")
async def another_server_in_its_place(bench: Bench) -> Trial:
    """Another key of the approved type."""
    trial = await bench.ssh(bench.openssh.port, who=bench.account)
    await trial.approve_host_key()
    trial.tmsp["log_server"]["port"] = other = bench.stack.enter_context(sshd(bench.account)).port
    filed = trial.host_keys.path
    filed.write_text(filed.read_text().replace(f":{bench.openssh.port} ", f":{other} "))
    return trial


@row(ROWS, "host_key", "host-key-new-type")
async def a_key_of_another_type(bench: Bench) -> Trial:
    """The approved type is gone from the server."""
    trial = await bench.ssh(bench.openssh.port, who=bench.account)
    await trial.approve_host_key()
    other = bench.stack.enter_context(sshd(bench.account, key="ecdsa")).port
    trial.tmsp["log_server"]["port"] = other
    filed = trial.host_keys.path
    filed.write_text(filed.read_text().replace(f":{bench.openssh.port} ", f":{other} "))
    return trial


@row(ROWS, "authentication", "ssh-auth-refused")
async def the_ssh_password_is_wrong(bench: Bench) -> Trial:
    """PermissionDenied."""
    trial = await bench.ssh(bench.openssh.port, who=bench.account, password="wrong")
    await trial.approve_host_key()
    return trial


@row(ROWS, "host_key", "ssh-not-spoken")
async def tls_there(bench: Bench) -> Trial:
    """SSH chosen, a TLS port entered: ConnectionLost."""
    return await bench.ssh(bench.web.port)


@row(ROWS, "host_key", "ssh-closed")
async def hung_up_at_once(bench: Bench) -> Trial:
    """A server that blocks this appliance's address."""
    return await bench.ssh((await bench.misbehaving(bad.close_at_once)).port)


@row(ROWS, "host_key", "ssh-timeout")
async def a_banner_and_then_silence(bench: Bench) -> Trial:
    """Asyncssh alone would hang here for ever."""
    told = await bench.misbehaving(bad.greet(b"SSH-2.0-OpenSSH_9.2\r\n"))
    return await bench.ssh(told.port, limits=hasty("handshake"))


class _NeverDecides(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        await asyncio.Event().wait()
        return False


@row(ROWS, "authentication", "ssh-login-timeout")
async def the_logon_takes_for_ever(bench: Bench) -> Trial:
    """A server that waits for its directory service."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    running = await asyncssh.listen("127.0.0.1", 0, server_factory=_NeverDecides, server_host_keys=[key])
    bench.stack.push_async_callback(_end, running)
    trial = await bench.ssh(running.get_port())
    await trial.approve_host_key()
    trial.limits = hasty("login")
    return trial


async def _end(running: asyncssh.SSHAcceptor) -> None:
    running.close()
    await running.wait_closed()


@row(ROWS, "service", "sftp-not-offered")
async def no_file_transfer_there(bench: Bench) -> Trial:
    """Sshd without the subsystem."""
    running = bench.stack.enter_context(sshd(bench.account, more=""))
    trial = await bench.ssh(running.port, who=bench.account)
    await trial.approve_host_key()
    return trial


async def _sshd(bench: Bench, who: Account | None = None, **configuration: str) -> Trial:
    """A stock sshd of its own, whose key is approved."""
    running = bench.stack.enter_context(sshd(who or bench.account, **configuration))
    trial = await bench.ssh(running.port, who=running.account)
    await trial.approve_host_key()
    return trial


@row(ROWS, "authentication", "ssh-password-not-offered")
async def no_logon_by_password(bench: Bench) -> Trial:
    """Keys only."""
    return await _sshd(bench, first="PasswordAuthentication no\nPubkeyAuthentication yes")


@row(ROWS, "authentication", "ssh-more-wanted")
async def a_key_besides_the_password(bench: Bench) -> Trial:
    """The password was right, and is not enough."""
    return await _sshd(bench, first="AuthenticationMethods password,publickey\nPubkeyAuthentication yes")


@row(ROWS, "service", "ssh-password-expired")
async def the_ssh_password_has_expired(bench: Bench) -> Trial:
    """OpenSSH lets it in and then wants a new one."""
    who = bench.stack.enter_context(throwaway())
    await asyncio.to_thread(subprocess.run, ["chage", "-d", "0", who.name], check=True)
    return await _sshd(bench, who)


@row(ROWS, "service", "ssh-no-session")
async def no_session_is_left(bench: Bench) -> Trial:
    """MaxSessions."""
    return await _sshd(bench, more="Subsystem sftp internal-sftp\nMaxSessions 0")


@row(ROWS, "service", "sftp-text-before")
async def a_start_file_prints(bench: Bench) -> Trial:
    """What a .bashrc says comes before what SFTP says."""
    return await _sshd(bench, more="Subsystem sftp echo Welcome.; exec /usr/lib/openssh/sftp-server")


@contextmanager
def _disk(where: Path, *options: str) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0777", "tmpfs", where], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", where], check=True)


def _prepare(who: Account, command: str) -> None:
    (who.home / "logs" / APPLIANCE).mkdir(parents=True)
    subprocess.run(f"chown -R {who.name} logs; {command}", shell=True, cwd=who.home, check=True)


async def _on_disk(bench: Bench, prepare: str) -> Trial:
    """A log server whose account lives on a small disk of its own, prepared by a shell command in it."""
    who = bench.stack.enter_context(throwaway())
    bench.stack.enter_context(_disk(who.home))
    _prepare(who, prepare)
    running = bench.stack.enter_context(sshd(who))
    trial = await bench.ssh(running.port, who=who)
    await trial.approve_host_key()
    return trial


@row(ROWS, "service", "remote-disk-full")
async def the_remote_disk_is_full(bench: Bench) -> Trial:
    """SFTPFailure code 4: statvfs tells."""
    return await _on_disk(bench, "cat /dev/zero > filler 2> /dev/null || true")


@row(ROWS, "service", "remote-read-only")
async def the_remote_disk_is_read_only(bench: Bench) -> Trial:
    """SFTPFailure code 4 again: statvfs tells."""
    return await _on_disk(bench, "mount -o remount,ro .")


@row(ROWS, "service", "remote-denied")
async def the_account_may_not_write(bench: Bench) -> Trial:
    """SFTPPermissionDenied."""
    return await _on_disk(bench, f"chown root logs/{APPLIANCE}; chmod 755 logs/{APPLIANCE}")
