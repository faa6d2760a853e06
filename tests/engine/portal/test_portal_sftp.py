"""The log server over SSH: a jail that takes batches and gives nothing else, as stock clients see it."""

import asyncio
import socket
import struct
import subprocess
from pathlib import Path

import asyncssh
import pytest
from portals import PATIENCE, RunningPortal, batch, named


def folder(portal: RunningPortal, appliance: str) -> Path:
    return portal.home / "logs" / appliance


async def write(client: asyncssh.SFTPClient, path: str, content: bytes) -> None:
    async with client.open(path, "wb") as file:
        await file.write(content)
        await file.fsync()


async def deliver(client: asyncssh.SFTPClient, appliance: str, name: str, content: bytes) -> None:
    await client.makedirs(f"logs/{appliance}", exist_ok=True)
    await write(client, f"logs/{appliance}/{name}.part", content)
    await client.posix_rename(f"logs/{appliance}/{name}.part", f"logs/{appliance}/{name}")


async def test_batch_is_kept_as_sent(portal: RunningPortal) -> None:
    """A batch over SSH lies under its name byte for byte; delivered again, by SSL too, it stays."""
    await portal.register("tm-keep")
    name, packed = batch("tm-keep", count=5000)
    async with portal.sftp() as client:
        await deliver(client, "tm-keep", name, packed)
        await deliver(client, "tm-keep", name, packed)
        assert (await client.stat(f"logs/tm-keep/{name}")).size == len(packed)
    async with portal.log_server() as https:
        assert (await https.put(f"/logs/tm-keep/{name}", content=packed)).status_code == 412
    assert portal.batches_of("tm-keep") == {name: packed}


async def test_plain_rename_does_too(portal: RunningPortal) -> None:
    """A client without the posix-rename extension delivers as well."""
    await portal.register("tm-plain")
    name, packed = batch("tm-plain")
    async with portal.sftp() as client:
        await client.mkdir("logs/tm-plain")
        await write(client, f"logs/tm-plain/{name}.part", packed)
        await client.rename(f"logs/tm-plain/{name}.part", f"logs/tm-plain/{name}")
    assert portal.batches_of("tm-plain") == {name: packed}


async def test_damaged_batch_is_refused_in_words(portal: RunningPortal) -> None:
    """A batch that is not what its name says is refused with the reason, and leaves nothing to go on from."""
    await portal.register("tm-bad")
    name, packed = batch("tm-bad")
    async with portal.sftp() as client:
        with pytest.raises(asyncssh.SFTPFailure, match="checksum"):
            await deliver(client, "tm-bad", name, packed[:-1])
        assert not list(folder(portal, "tm-bad").iterdir())
        await deliver(client, "tm-bad", name, packed)
    assert not list((portal.home / "incoming").iterdir())


async def test_different_file_is_not_overwritten(portal: RunningPortal) -> None:
    """What lies under a batch's name is never replaced, not even by the right batch."""
    await portal.register("tm-other")
    name, packed = batch("tm-other")
    folder(portal, "tm-other").mkdir(exist_ok=True)
    portal.lay(f"logs/tm-other/{name}", b"something else")
    async with portal.sftp() as client:
        with pytest.raises(asyncssh.SFTPFailure, match="different file"):
            await deliver(client, "tm-other", name, packed)
    assert portal.batches_of("tm-other") == {name: b"something else"}


async def test_other_bytes_do_not_count_as_there(portal: RunningPortal) -> None:
    """A batch that lies there is a success for its own bytes only, whatever else comes under its name."""
    await portal.register("tm-same")
    name, packed = batch("tm-same")
    async with portal.sftp() as client:
        await deliver(client, "tm-same", name, packed)
        await deliver(client, "tm-same", name, packed)
        for other in (packed[:-1], packed + b"x", bytes(len(packed))):
            with pytest.raises(asyncssh.SFTPFailure, match="different file"):
                await deliver(client, "tm-same", name, other)
    assert portal.batches_of("tm-same") == {name: packed}


async def test_sender_must_be_registered(portal: RunningPortal) -> None:
    """An appliance that is not registered may make its folder and probe it, and delivers nothing."""
    name, packed = batch("tm-stranger")
    async with portal.sftp() as client:
        await client.mkdir("logs/tm-stranger")
        await client.mkdir("logs/tm-stranger")
        with pytest.raises(asyncssh.SFTPPermissionDenied, match="not registered"):
            await write(client, f"logs/tm-stranger/{name}.part", packed)
    assert not list(folder(portal, "tm-stranger").iterdir())


async def test_probe_is_taken_and_forgotten(portal: RunningPortal) -> None:
    """The connection test writes, renames and removes its few bytes like a file; nothing reaches the disk."""
    async with portal.sftp() as client:
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await write(client, "logs/tm-unknown/probe.part", b"probe\n")
        await client.makedirs("logs/tm-prober", exist_ok=True)
        await write(client, "logs/tm-prober/probe.part", b"probe\n")
        assert (await client.stat("logs/tm-prober/probe.part")).size == 6
        assert (await client.stat("logs/tm-prober/probe.part")).mtime
        assert not list(folder(portal, "tm-prober").iterdir())
        await client.posix_rename("logs/tm-prober/probe.part", "logs/tm-prober/probe")
        await client.remove("logs/tm-prober/probe")
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await client.stat("logs/tm-prober/probe")
        with pytest.raises(asyncssh.SFTPFailure, match="at most"):
            await write(client, "logs/tm-prober/probe.part", bytes(5000))


async def test_cut_upload_is_resumed(portal: RunningPortal) -> None:
    """What a lost connection left is there for the next one to go on with."""
    await portal.register("tm-resume")
    name, packed = batch("tm-resume", count=20_000)
    part = f"logs/tm-resume/{name}.part"
    async with portal.ssh() as connection:
        client = await connection.start_sftp_client()
        await client.mkdir("logs/tm-resume")
        file = await client.open(part, "wb")
        await file.write(packed[:10_000])
        connection.abort()
    async with portal.sftp() as client:
        assert (await client.stat(part)).size == 10_000
        async with client.open(part, "r+b") as file:
            assert await file.read() == packed[:10_000]
            await file.write(packed[10_000:], 10_000)
        await client.posix_rename(part, part.removesuffix(".part"))
    assert portal.batches_of("tm-resume") == {name: packed}


async def test_newest_session_owns_the_upload(portal: RunningPortal) -> None:
    """Late bytes of a connection that was given up cannot damage the upload that replaced it."""
    await portal.register("tm-owner")
    name, packed = batch("tm-owner")
    part = f"logs/tm-owner/{name}.part"
    async with portal.sftp() as old, portal.sftp() as new:
        await old.mkdir("logs/tm-owner")
        stale = await old.open(part, "wb")
        await write(new, part, packed)
        with pytest.raises(asyncssh.SFTPFailure, match="taken over"):
            await stale.write(b"late", 0)
        await new.posix_rename(part, part.removesuffix(".part"))
        with pytest.raises(asyncssh.SFTPFailure, match="taken over"):
            await stale.write(b"late", 0)
    assert portal.batches_of("tm-owner") == {name: packed}


JAILED = batch("tm-jailed")[0]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../etc/passwd",
        "logs/../../../etc/passwd",
        "logs/tm-jailed/x",
        "logs/tm-jailed/.ssh",
        f"logs/tm-jailed/{JAILED}.part.part",
        f"logs/tm-jailed/{JAILED}/x",
        f"logs/tm-other/{JAILED}.part",
        f"logs/TM-JAILED/{JAILED}.part",
        f"logs/tm-jailed/{JAILED}\0.part",
        f"logs/tm-jailed/\x1b[2J{JAILED}.part",
        "logs/tm-jailed/ü",
        "logs/" + "a" * 5000,
    ],
    ids=lambda path: ascii(path)[:40],
)
async def test_no_other_name_exists(portal: RunningPortal, path: str) -> None:
    """Whatever an SFTP client names that is no batch of an appliance does not exist for it."""
    await portal.register("tm-jailed")
    async with portal.sftp() as client:
        await client.makedirs("logs/tm-jailed", exist_ok=True)
        before = sorted(portal.home.rglob("*"))
        for attempt in (
            client.open(path, "rb"),
            client.open(path, "wb"),
            client.mkdir(path),
            client.remove(path),
            client.stat(path),
            client.lstat(path),
            client.listdir(path),
            client.posix_rename(path, f"logs/tm-jailed/{JAILED}"),
        ):
            with pytest.raises(asyncssh.SFTPNoSuchFile):
                await attempt
    assert sorted(portal.home.rglob("*")) == before


async def test_batches_cannot_be_read_or_removed(portal: RunningPortal) -> None:
    """A stolen account cannot read, change or remove what was delivered, nor make links."""
    await portal.register("tm-fort")
    name, packed = batch("tm-fort")
    path = f"logs/tm-fort/{name}"
    async with portal.sftp() as client:
        await deliver(client, "tm-fort", name, packed)
        for attempt in (client.open(path, "rb"), client.open(path, "ab"), client.remove(path)):
            with pytest.raises(asyncssh.SFTPPermissionDenied):
                await attempt
        for attempt in (
            client.symlink("/etc/passwd", f"{path}.part"),
            client.link(path, f"{path}.part"),
            client.readlink(path),
            client.chmod(path, 0o777),
            client.truncate(path, 0),
            client.rmdir("logs/tm-fort"),
        ):
            with pytest.raises(asyncssh.SFTPOpUnsupported):
                await attempt
        assert await client.listdir(".") == [".", "..", "logs"]
        assert "tm-fort" in await client.listdir("logs")
        assert sorted(await client.listdir("logs/tm-fort")) == [".", "..", name]
        assert await client.realpath("../..") == "/"
        assert (await client.statvfs("logs")).bsize > 0
    assert portal.batches_of("tm-fort") == {name: packed}


async def test_upload_has_a_limit(portal: RunningPortal) -> None:
    """No upload grows beyond a batch's size, and few files are open at a time."""
    await portal.register("tm-limits")
    name, _ = batch("tm-limits")
    async with portal.sftp() as client:
        await client.mkdir("logs/tm-limits")
        async with client.open(f"logs/tm-limits/{name}.part", "wb") as file:
            with pytest.raises(asyncssh.SFTPFailure, match="at most"):
                await file.write(b"x", 1 << 40)
            with pytest.raises(asyncssh.SFTPFailure, match="by writing only"):
                await file.truncate(1 << 40)
        names = [named(b"", "tm-limits", sequence) for sequence in range(33)]
        for one in names[:32]:
            await client.open(f"logs/tm-limits/{one}.part", "wb")
        with pytest.raises(asyncssh.SFTPFailure, match="files can be open"):
            await client.open(f"logs/tm-limits/{names[32]}.part", "wb")


async def test_nothing_but_sftp(portal: RunningPortal) -> None:
    """The account gives no shell, no command, no scp, no terminal, no tunnel in any direction."""
    async with portal.ssh() as connection:
        for command in (None, "id", "scp -f logs"):
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.create_process(command)
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process(None, term_type="vt100")
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_connection("127.0.0.1", portal.ready["status_server"]["port"])
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_unix_connection("/run/x.sock")
        with pytest.raises(asyncssh.ChannelListenError):
            await connection.forward_remote_port("", 0, "127.0.0.1", 1)


@pytest.mark.parametrize("password", ["wrong", " ", "x" * 5000], ids=["wrong", "blank", "long"])
async def test_wrong_password_is_refused(portal: RunningPortal, password: str) -> None:
    """A wrong password opens nothing and stands in no log."""
    with pytest.raises(asyncssh.PermissionDenied):
        async with portal.ssh(password=password):
            pass
    if password == "wrong":
        assert any(line.get("cause") == "wrong password" for line in portal.logged())


async def test_no_way_in_without_password(portal: RunningPortal) -> None:
    """Keys, none, and keyboard-interactive are not offered."""
    port = portal.ready["log_server"]["ssh_port"]
    methods = await asyncssh.get_server_auth_methods(
        "127.0.0.1", port, username="registering-user", config=None
    )
    assert methods == ["password"]


async def test_stock_sftp_delivers(portal: RunningPortal, tmp_path: Path) -> None:
    """OpenSSH's own sftp delivers a batch with the steps of docs/protocol.md."""
    await portal.register("tm-stock")
    name, packed = batch("tm-stock", count=1000)
    (tmp_path / "batch").write_bytes(packed)
    askpass = tmp_path / "askpass"
    askpass.write_text(f"#!/bin/sh\ncat {portal.ready['password_file']}\n")
    askpass.chmod(0o700)
    part = f"logs/tm-stock/{name}.part"
    steps = ["-mkdir logs", "mkdir logs/tm-stock", f"put -f {tmp_path}/batch {part}"]
    steps += [f"rename {part} {part.removesuffix('.part')}", "ls -l logs"]
    options = ["-oStrictHostKeyChecking=no", f"-oUserKnownHostsFile={tmp_path}/known", "-oBatchMode=no"]
    options += ["-oPreferredAuthentications=password", "-oNumberOfPasswordPrompts=1"]
    port = str(portal.ready["log_server"]["ssh_port"])
    done = await asyncio.to_thread(
        subprocess.run,
        ["sftp", "-F", "none", "-P", port, *options, "-b", "-", "registering-user@127.0.0.1"],
        input="\n".join([*steps, ""]),
        env={"PATH": "/usr/bin:/bin", "SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "tm-stock" in done.stdout
    assert portal.batches_of("tm-stock") == {name: packed}


async def test_a_client_that_dies_fills_no_log(portal: RunningPortal) -> None:
    """Whatever it wanted an answer to before: the log says who was there, and nothing of each answer."""
    for _ in range(3):
        async with portal.ssh() as connection:
            for _ in range(300):
                connection.send_packet(192, b"?")
            line = connection._transport.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection._transport.abort()
    async with portal.sftp() as client:  # what came before is through
        await client.listdir(".")
    assert "socket.send" not in portal.log_file.read_text()
