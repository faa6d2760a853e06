"""Tells whether a user name and a password belong together, and keeps a beat cheap."""

import asyncio
import contextlib
import hmac
import secrets
from collections.abc import Iterator

from pydantic import SecretStr

from tm_tui.clock import Clock
from tm_tui.portal import tries
from tm_tui.portal.accounts import matches, sealed, stored
from tm_tui.portal.callers import Caller
from tm_tui.portal.database import Database
from tm_tui.portal.refusals import Refused
from tm_tui.portal.tries import Locked

__all__ = ["MOST_WAITING", "Doorkeeper"]

_MOST_PASSWORD_BYTES = 1024
_FAILURE_SECONDS = 0.3
MOST_WAITING = 64
"""In each queue."""
_RETRY_SECONDS = 5


class _Queue:
    """One password is compared after the other; so many wait, and who comes then is told to come again."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._waiting = 0

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """A place in it for the block. Raises Refused (503)."""
        if self._waiting >= MOST_WAITING:
            cause = "Too many passwords are being checked."
            raise Refused(503, "busy", cause, "Try again in a moment.", retry_after=_RETRY_SECONDS)
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def compared(self, stored: str, plain: bytes) -> bool:
        """Whether it is the password of the stored hash."""
        async with self._turn:
            return await asyncio.to_thread(matches, stored, plain)


class Doorkeeper:
    """Tells whether a user name and a password belong together.

    A right password is remembered as a keyed digest, under a key that dies with the process, while the
    account's stored hash stays the same: only an account's first beat pays for scrypt.

    A wrong one always pays, and waits a little. The time tells nothing of the account. Of three queues, each
    with a bound, one is for who was right from there before (a browser, a network), one for other tries of
    appliances' accounts, one for all else: strangers are in nobody's way. Remembered ones wait in none.

    Wrong ones for operators are counted (`tries`); for a while nothing is checked then. For accounts of
    appliances that holds at the log-on of the pages alone: else a stranger could stop their beats.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._known: dict[str, tuple[str, bytes]] = {}
        self._expected, self._appliances, self._others = _Queue(), _Queue(), _Queue()
        self._nobody = sealed(SecretStr(secrets.token_hex(16)))

    async def caller(
        self, name: str, password: SecretStr, source: str, *, pages: bool = False, mark: str = ""
    ) -> Caller | None:
        """Whose pair this is; None: it is wrong, or may not be checked for a while.

        `pages`: it was given there; all names are counted then, and Locked (429) is raised instead of None.
        `mark`: what the browser has of an earlier log-on. Raises Refused: the database cannot be used (507,
        500), too many passwords wait (503).
        """
        try:
            plain = password.get_secret_value().encode()
            digest = hmac.digest(self._key, name.encode() + b"\0" + plain, "sha256")
        except UnicodeEncodeError:
            return None
        known = await self._database.read(stored, name)
        secret = known[0] if known else self._nobody
        keys: tuple[str, ...] = ()
        of_operator = known is not None and known[1].role == "operator"
        if not of_operator and not pages and known is not None and self._remembers(name, secret, digest):
            return known[1]
        expected = await self._expects(secret, source, mark, pages=pages) and known is not None
        if pages or of_operator:
            keys = tries.keys_of(name, source, known=expected, usual=expected and not pages)
        try:
            await self._check_free(keys)
            if known is not None and self._remembers(name, secret, digest):
                if not (pages or expected):
                    await self._welcome((), secret, source, pages=pages)
                return known[1]
            queue = self._appliances if known is not None and not (pages or of_operator) else self._others
            right = await self._checked(self._expected if expected else queue, keys, secret, plain)
        except Locked:
            if pages:
                raise
            right, keys = False, ()
            await self._checked(self._others, (), self._nobody, b"")  # as a wrong one
        if right and known is not None:
            self._known[name] = (secret, digest)
            await self._welcome(keys, secret, source, pages=pages)
            return known[1]
        if keys:
            account = name if known else ""
            await self._database.later(tries.failed, account, source, self._now())
        await asyncio.sleep(_FAILURE_SECONDS)
        return None

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _expects(self, secret: str, source: str, mark: str, *, pages: bool) -> bool:
        """Whether this account was right from there before: in this browser, or from this network."""
        if pages:
            return hmac.compare_digest(mark.encode(errors="replace"), tries.mark_of(secret).encode())
        return await self._database.read(tries.usual, secret, source, self._now())

    async def _welcome(self, keys: tuple[str, ...], secret: str, source: str, *, pages: bool) -> None:
        """It was right."""
        if keys:
            await self._database.later(tries.right, keys)
        if not pages:
            await self._database.later(tries.came_from, secret, source, self._now())

    async def _check_free(self, keys: tuple[str, ...]) -> None:
        """Raise Locked while nothing is checked; that costs no write."""
        left = await self._database.read(tries.wait, keys, self._now()) if keys else 0.0
        if left > 0:
            raise Locked(left)

    async def _checked(self, queue: _Queue, keys: tuple[str, ...], secret: str, plain: bytes) -> bool:
        """Count a try, and compare. Raises Locked; Refused (503) where the queue is full."""
        with queue.place():
            if keys:
                await self._database.later(tries.take, keys, self._now())
            return len(plain) <= _MOST_PASSWORD_BYTES and await queue.compared(secret, plain)

    def _remembers(self, name: str, stored: str, digest: bytes) -> bool:
        known = self._known.get(name)
        return known is not None and known[0] == stored and hmac.compare_digest(known[1], digest)
