"""A log server over SSH that never comes to an end, behind its keys: a program, so that its work is its own.

Takes JSON as its argument: where it begins (`stage`), and seconds between its words. Prints its port.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

import asyncssh

INIT, OPEN, OPENDIR, READDIR = 1, 3, 11, 12
VERSION, STATUS, HANDLE, NAME = 2, 101, 102, 104
FULL = 1 << 16


async def rest(seconds: float) -> None:
    """Be silent for so long."""
    try:
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()
    except TimeoutError:
        return


class Gate(asyncssh.SSHServer):
    """Lets everybody in, and tells stories meanwhile or after it."""

    def __init__(self, stage: str, seconds: float) -> None:
        self.stage, self.seconds = stage, seconds
        self.talking: asyncio.Task[None] | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.conn = conn

    def connection_lost(self, _: Exception | None) -> None:
        if self.talking:
            self.talking.cancel()

    def begin_auth(self, _username: str) -> bool:
        if self.stage == "banners":
            self.talking = asyncio.create_task(self.talk(lambda: self.conn.send_auth_banner("welcome")))
        return True

    def password_auth_supported(self) -> bool:
        return True

    async def validate_password(self, _username: str, _password: str) -> bool:
        if self.stage == "banners":
            await asyncio.Event().wait()
        return True

    def auth_completed(self) -> None:
        if self.stage == "debug":
            self.talking = asyncio.create_task(self.talk(lambda: self.conn.send_debug("news")))

    def session_requested(self) -> Any:
        return self.conn.create_server_channel(encoding=None), Files(self.stage, self.seconds)

    async def talk(self, say: Any) -> None:
        """Say it for ever; nobody fills more than the line takes."""
        while True:
            for _ in range(100 if not self.seconds else 1):
                say()
            while self.conn._transport.get_write_buffer_size() > FULL:
                await rest(0.001)
            await rest(self.seconds)


def packet(kind: int, body: bytes) -> bytes:
    """One packet of SFTP, version 3."""
    return (len(body) + 1).to_bytes(4, "big") + bytes([kind]) + body


def text(data: bytes) -> bytes:
    """A string of SSH."""
    return len(data).to_bytes(4, "big") + data


COUNTS = {"names": 1000, "many-names": 6000, "long-names": 320_000}
"""Names in one reply, by the stage: as many as are taken, more within the bytes, and 4 MB of them."""


def names(number: bytes, count: int) -> bytes:
    """A reply to READDIR, made of the shortest names."""
    name = text(b"x") + text(b"") + bytes(4)
    return packet(NAME, number + count.to_bytes(4, "big") + name * count)


def forever(stage: str, number: bytes) -> Iterator[bytes]:
    """What is said without end, once it begins."""
    if stage == "packet":
        yield (1 << 22).to_bytes(4, "big") + bytes([VERSION])
    while True:
        yield {
            "noise": b"welcome\r\n",
            "packet": b"x",
            "statuses": packet(STATUS, number + bytes(4) + text(b"") + text(b"")),
        }[stage]


class Files(asyncssh.SSHServerSession[bytes]):
    """SFTP by hand: answers what is right until its stage comes."""

    def __init__(self, stage: str, seconds: float) -> None:
        self.stage, self.seconds = stage, seconds
        self.heard = b""
        self.room = asyncio.Event()
        self.room.set()
        self.talking: asyncio.Task[None] | None = None

    def connection_made(self, chan: Any) -> None:
        self.chan = chan

    def connection_lost(self, _: Exception | None) -> None:
        if self.talking:
            self.talking.cancel()

    def subsystem_requested(self, _subsystem: str) -> bool:
        return True

    def exec_requested(self, _command: str) -> bool:
        return True

    def session_started(self) -> None:
        if self.stage == "noise":
            self.say(b"")

    def pause_writing(self) -> None:
        self.room.clear()

    def resume_writing(self) -> None:
        self.room.set()

    def data_received(self, data: bytes, _kind: Any) -> None:
        self.heard += data
        while len(self.heard) >= 4 and len(self.heard) >= (end := 4 + int.from_bytes(self.heard[:4], "big")):
            self.answer(self.heard[4], self.heard[5:9])
            self.heard = self.heard[end:]

    def answer(self, kind: int, number: bytes) -> None:
        """One reply, or the one that never ends."""
        if kind == INIT and self.stage != "packet":
            self.chan.write(packet(VERSION, (3).to_bytes(4, "big")))
        elif self.stage in {"packet", "statuses"}:
            self.say(number)
        elif kind in {OPEN, OPENDIR}:
            self.chan.write(packet(HANDLE, number + text(b"h")))
        elif kind == READDIR:
            self.chan.write(names(number, COUNTS.get(self.stage, COUNTS["names"])))
        else:
            self.chan.write(packet(STATUS, number + bytes(4) + text(b"") + text(b"")))

    def say(self, number: bytes) -> None:
        """Go on for ever from here."""
        if self.talking is None:
            self.talking = asyncio.create_task(self.talk(number))

    async def talk(self, number: bytes) -> None:
        for words in forever(self.stage, number):
            await self.room.wait()
            self.chan.write(words if self.seconds else words * 1000)
            await rest(self.seconds)


async def main() -> None:
    """Serve until killed."""
    asked = json.loads(sys.argv[1])
    stage, seconds = asked["stage"], asked["seconds"]
    key = asyncssh.generate_private_key("ssh-ed25519")
    running = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=lambda: Gate(stage, seconds), server_host_keys=[key], encoding=None
    )
    print(running.get_port(), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
