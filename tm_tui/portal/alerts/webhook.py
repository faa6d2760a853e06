"""Alerts as JSON by HTTPS POST."""

import asyncio
from pathlib import Path

import httpx

from tm_tui.link.failures import LinkFailure
from tm_tui.link.https import https_client
from tm_tui.link.types import Endpoint, Link
from tm_tui.portal.alerts.failures import NotSent, not_sent, secret_in, trust_of
from tm_tui.portal.alerts.message import Message
from tm_tui.portal.alerts.settings import Webhook
from tm_tui.text import safe_text

__all__ = ["WebhookSender"]


class WebhookSender:
    """Posts one JSON object a message. Every 2xx counts as taken; redirects are not followed."""

    name = "webhook"

    def __init__(self, settings: Webhook, url: Path | None, token: Path | None, ca_file: Path | None) -> None:
        self._url = settings.url
        self._url_file = url
        self._token = token
        self._ca_file = ca_file
        self.target = _target(settings.url) if settings.url else "the webhook's server"

    async def send(self, message: Message) -> None:
        """Post it. Raises NotSent, which names the server but never the path: that may be a secret."""
        url = httpx.URL(self._url or self._address())
        endpoint = Endpoint(url.host, url.port or 443)
        headers = {"idempotency-key": message.number}
        if self._token is not None:
            headers["authorization"] = f"Bearer {secret_in(self._token)}"
        link = Link(endpoint, None, None, trust_of(self._ca_file))
        told = await asyncio.to_thread(message.as_json)  # of ten thousand items, not on the loop
        try:
            async with (
                https_client(link) as client,
                client.stream("POST", url, json=told, headers=headers) as reply,
            ):
                status = reply.status_code
        except LinkFailure as error:
            raise not_sent(error, endpoint.authority) from None
        target = endpoint.authority
        if not 200 <= status < 300:
            remedy = _REMEDY.get(status, "Look into that server's log.")
            raise NotSent(f"{target} answered {status}.", remedy, answered=status in _THIS_ONE)

    def _address(self) -> str:
        """The address that stands in a file. Raises NotSent."""
        if self._url_file is None:
            raise NotSent("The webhook has no address.", "Set alerts.webhook.url or alerts.webhook.url_file.")
        url = secret_in(self._url_file)
        try:
            Webhook(url=url)
        except ValueError:
            cause = f"{safe_text(str(self._url_file))} holds no https address."
            raise NotSent(cause, "Put it there as https://host/path, in one line.") from None
        return url


_THIS_ONE = frozenset({400, 413, 422})
"""What is wrong with one message, not with all."""
_REMEDY = {
    401: "Check the token: `tm-tui portal alert password webhook`.",
    403: "Check the token: `tm-tui portal alert password webhook`.",
    404: "Check the address.",
    410: "Check the address.",
}


def _target(url: str) -> str:
    found = httpx.URL(url)
    return Endpoint(found.host, found.port or 443).authority
