"""Keeps the appliance registered and its heart beating, as long as sending to TMSP is switched on."""

import random
import secrets
from collections.abc import Callable
from dataclasses import fields, replace

from tm_tui.api.agent import StatusServerStatus
from tm_tui.clock import Clock
from tm_tui.link.build import build_links
from tm_tui.link.failures import LinkFailure
from tm_tui.link.host_keys import HostKeys
from tm_tui.link.https import https_client
from tm_tui.link.types import Limits
from tm_tui.retry import Chance
from tm_tui.service import Service
from tm_tui.settings.store import Revision
from tm_tui.status_server.beat_loop import Heart, Noticed
from tm_tui.status_server.heartbeat import Facts
from tm_tui.status_server.protocol import Notice, RegistrationRequest
from tm_tui.status_server.registration import registration_of
from tm_tui.status_server.removal import RegistrationRecord
from tm_tui.status_server.server_state import Standing, beats_retry

__all__ = ["StatusServerService"]

_LONGEST_BEAT = 20.0
_SHARE = 0.8
"""A beat ends before the next one is due, which is nine tenths of an interval later at the earliest."""


class StatusServerService(Service):
    """Registration and heartbeats. `record` is what of the registration outlives the agent.

    `changed` is called whenever its part of the status says something new, `noticed` with what the server
    announces.
    """

    name = "heartbeat"

    def __init__(
        self,
        appliance: str,
        host_keys: HostKeys,
        record: RegistrationRecord,
        facts: Callable[[], Facts],
        *,
        changed: Callable[[], None],
        noticed: Noticed = lambda _: None,
        clock: Clock,
        chance: Chance = random.random,
    ) -> None:
        self._appliance = appliance
        self._instance = secrets.token_hex(8)
        self._host_keys, self._record = host_keys, record
        self._facts = facts
        self._changed = changed
        self._noticed = noticed
        self._clock = clock
        self._chance = chance
        self._standing = Standing(enabled=False, interval=0.0, retry=beats_retry(clock, chance))

    def concerns(self, revision: Revision) -> object:
        """All but the log server's own settings: a change of anything else registers anew.

        While the appliance is removed, any save does.
        """
        tmsp = revision.settings.tmsp.model_dump(exclude={"log_server"})
        proxy = revision.settings.proxy.model_dump() if revision.settings.proxy.enabled else None
        removed = revision.number if self._record.removed_at is not None else None
        return (tmsp, proxy, revision.secrets, revision.ca_pem, removed)

    def prepare(self, revision: Revision) -> None:
        """Forget what was, but for the counters, which run on; `run` follows these settings."""
        tmsp = revision.settings.tmsp
        before = self._standing
        self._record.follow(revision.number, saved=revision.kind != "rollback")
        self._standing = Standing(
            enabled=tmsp.enabled,
            interval=tmsp.heartbeat_seconds,
            retry=beats_retry(self._clock, self._chance),
            accepted=before.accepted,
            missed=before.missed,
            removed_at=self._record.removed_at,
        )

    def status(self) -> StatusServerStatus:
        """The status of this moment."""
        return self._standing.show(self._clock.monotonic())

    def alerts(self) -> tuple[str, ...]:
        """What an admin must know now."""
        return self._standing.alerts()

    def notices(self) -> tuple[Notice, ...]:
        """What the status server announced, oldest first, each once."""
        return tuple(self._standing.notices.values())

    def pattern_root(self) -> str | None:
        """The root for patterns that came with the registration."""
        return self._standing.pattern_root

    async def work(self, revision: Revision) -> None:
        """Register and beat until cancelled; nothing to do when sending is switched off."""
        standing = self._standing
        if not revision.settings.tmsp.enabled:
            return
        link = build_links(revision, self._host_keys).status_server
        limit = min(_LONGEST_BEAT, _SHARE * standing.interval)

        def registration() -> RegistrationRequest:
            tmsp, renew = revision.settings.tmsp, self._record.renew
            return registration_of(self._appliance, tmsp, self._instance, renew=renew)

        await self._record.keep()
        try:
            client = https_client(replace(link, limits=_within(link.limits, limit)))
        except LinkFailure as unusable:  # the CA file; other settings can help, trying again cannot
            standing.refused(unusable)
            self._changed()
            return
        async with client:
            heart = Heart(
                client,
                registration,
                standing,
                self._record,
                facts=self._facts,
                changed=self._changed,
                noticed=self._noticed,
                clock=self._clock,
                chance=self._chance,
                limit=limit,
            )
            await heart.run()


def _within(limits: Limits, most: float) -> Limits:
    """No stage may take longer than a beat has; a little less, so that the stage at fault is named."""
    stages = {each.name: min(getattr(limits, each.name), 0.9 * most) for each in fields(limits)}
    return Limits(**{**stages, "kept": limits.kept})
