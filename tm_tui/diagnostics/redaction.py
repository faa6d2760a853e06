"""The last guard before a text leaves for support: none of the passwords in force, however it is written."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from tm_tui.settings.store import Revision

__all__ = ["Redaction"]

_SHORTEST = 4
"""Shorter ones would be found everywhere, and their places would tell them."""


class Redaction:
    """No part of a bundle holds a secret by design; a server may have sent one back in an error text."""

    def __init__(self, revision: Revision) -> None:
        secrets, settings = revision.secrets, revision.settings
        pairs = ((secrets.tmsp, settings.tmsp.username), (secrets.proxy, settings.proxy.username))
        found = {form for secret, user in pairs if secret for form in _forms(secret.get_secret_value(), user)}
        self._forms = sorted((form for form in found if len(form) >= _SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for form in self._forms:
            text = text.replace(form, "[removed]")
        return text


def _forms(secret: str, user: str) -> Iterator[str]:
    yield from _written((secret, quote(secret, safe=""), quote(secret), quote_plus(secret)))
    for text in (secret, f"{user}:{secret}"):
        yield b64encode(text.encode()).decode()


def _written(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield text
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
