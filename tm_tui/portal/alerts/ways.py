"""The ways on which alerts go out, as portal.toml and the home have them."""

import asyncio
from pathlib import Path
from typing import Protocol

from tm_tui.portal.alerts.failures import NotSent, not_sent
from tm_tui.portal.alerts.mail import MailSender
from tm_tui.portal.alerts.message import Message
from tm_tui.portal.alerts.settings import AlertSettings
from tm_tui.portal.alerts.syslog import SyslogSender
from tm_tui.portal.alerts.webhook import WebhookSender

__all__ = ["KEPT_SECRETS", "Way", "send_within", "ways_of"]

KEPT_SECRETS = {"mail": "alert-mail-password", "webhook": "alert-webhook-token"}
"""Files in HOME/keys that `tm-tui portal alert password` writes."""
_SECONDS = 60.0
"""For one message on one way, all of it."""


class Way(Protocol):
    """One way out."""

    name: str
    target: str

    async def send(self, message: Message) -> None:
        """Send it once. Raises NotSent."""


def ways_of(settings: AlertSettings, home: Path) -> tuple[Way, ...]:
    """Those that are set."""

    def file(name: str) -> Path | None:
        return home / name if name else None

    def kept(name: str, of: str) -> Path | None:
        own = home / "keys" / KEPT_SECRETS[of]
        return file(name) or (own if own.exists() else None)

    mail, hook, syslog = settings.mail, settings.webhook, settings.syslog
    found: list[Way] = []
    if mail.host:
        found.append(MailSender(mail, kept(mail.password_file, "mail"), file(mail.ca_file)))
    if hook.url or hook.url_file:
        token = kept(hook.token_file, "webhook")
        found.append(WebhookSender(hook, file(hook.url_file), token, file(hook.ca_file)))
    if syslog.host:
        pair = (home / syslog.certificate, home / syslog.key) if syslog.certificate else None
        found.append(SyslogSender(syslog, file(syslog.ca_file), pair))
    return tuple(found)


async def send_within(way: Way, message: Message) -> None:
    """Send once, within the bound of time. Raises NotSent."""
    try:
        async with asyncio.timeout(_SECONDS):
            await way.send(message)
    except NotSent:
        raise
    except TimeoutError as error:
        raise not_sent(error, way.target) from None
