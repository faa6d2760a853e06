"""One check of the portal's patterns, from the trusted root to files on the disk. Blocks: for a thread."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from tm_tui.errors import TmError
from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.https import LinkClient
from tm_tui.link.trying_again import Subject, meaning_of
from tm_tui.patterns.fetcher import LinkFetcher, LoopCalls, Patience
from tm_tui.patterns.pattern import MOST_LISTED, Listing, Offered
from tm_tui.patterns.repository import Repository, Seen
from tm_tui.patterns.store import PatternStore, StoredPattern
from tm_tui.patterns.trusted_root import Anchor

__all__ = ["Checked", "PatternCheck"]


@dataclass(slots=True)
class Checked:
    """What a check brought, also when `failure` ended it before its end."""

    arrived: list[StoredPattern] = field(default_factory=list)
    refused: dict[int, tuple[Offered, LinkFailure]] = field(default_factory=dict)
    unusable: tuple[str, ...] = ()
    failure: TmError | None = None
    seen: Seen | None = None
    """What was verified, so that the next check need not do it again while nothing is new."""


@dataclass(frozen=True, slots=True)
class PatternCheck:
    """What a check needs. `offered` is the root that came with the registration."""

    anchor: Anchor
    store: PatternStore
    appliance: str
    client: LinkClient
    rate: float
    patience: Patience
    offered: bytes | None
    in_use: Collection[int]
    seen: Seen | None
    now: Callable[[], datetime]

    def run(self, calls: LoopCalls) -> Checked:
        """Check. What fails is in the result; only bugs and the end of the task raise."""
        done = Checked()
        try:
            root = self._root()
            repository = self._repository(calls, root)
            done.seen = self._refreshed(repository, root)
            listing = done.seen.listing
            done.unusable = listing.unusable
            self._fetch_all(repository, listing, calls, done)
            self._tidy(listing)
        except TmError as error:
            done.failure = error
        return done

    def _root(self) -> bytes:
        link = self.client.link
        root = self.anchor.root(link) if self.offered is None else self.anchor.take(link, self.offered)
        if root is None:
            raise failure("pattern-root-missing", "service", link.endpoint, link.proxy)
        return root

    def _repository(self, calls: LoopCalls, root: bytes) -> Repository:
        self.store.load()
        self.store.verify()
        fetcher = LinkFetcher(calls, self.client, self.store.folder, rate=self.rate, patience=self.patience)
        return Repository(self.client.link, self.anchor.folder / "tuf", root, fetcher)

    def _refreshed(self, repository: Repository, root: bytes) -> Seen:
        link, offered = self.client.link, self.offered
        try:
            seen = self.seen
            if seen is None or not repository.unchanged(seen, self.now()):
                seen = repository.refreshed(self.appliance)
        except LinkFailure as refused:
            if refused.code != "pattern-signature" or offered is None:
                raise
            if not self.anchor.differs(root, offered, refreshed=True):
                raise
            raise failure("pattern-root-changed", "service", link.endpoint, link.proxy) from refused
        if offered is not None and self.anchor.differs(root, offered, refreshed=True):
            raise failure("pattern-root-changed", "service", link.endpoint, link.proxy)
        return seen

    def _fetch_all(self, repository: Repository, listing: Listing, calls: LoopCalls, done: Checked) -> None:
        for offered in listing.newest:
            calls.check()
            known = self.store.patterns.get(offered.pattern.id)
            if known is not None and known.is_one_of(offered):
                continue
            whole = self.store.temporary()
            try:
                repository.fetch(offered, whole)
                done.arrived.append(self.store.keep(offered, whole, self.now()))
            except LinkFailure as refused:
                if Subject.PATTERN not in meaning_of(refused.code).alone:
                    raise
                done.refused[offered.pattern.id] = offered, refused
            finally:
                whole.unlink(missing_ok=True)

    def _tidy(self, listing: Listing) -> None:
        """Drop what the portal has withdrawn, and the oldest of too many; nothing that is being deployed."""
        here = sorted(self.store.numbers(), reverse=True)
        gone = {number for number in here if number not in listing.ids} | set(here[MOST_LISTED:])
        if gone := gone - set(self.in_use):
            self.store.drop(gone)
