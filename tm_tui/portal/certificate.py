"""The certificate that the HTTPS servers show: the portal's own making, or files of the operator's."""

import asyncio
import os
import ssl
from datetime import datetime
from pathlib import Path

from cryptography import x509

from tm_tui.errors import StorageFailed, TmError
from tm_tui.portal.authority import certificate_files, ensure_certificate, names_for
from tm_tui.portal.core import Portal
from tm_tui.portal.home import PortalHome
from tm_tui.portal.settings import PortalSettings
from tm_tui.portal.web import tls_context
from tm_tui.text import safe_text

__all__ = ["Certificate", "keep"]

_LOOK_SECONDS = 600.0
"""Often: the machine may have slept, or its wall clock may just have been set for the first time."""


class Certificate:
    """What the servers show now, and how it is kept in date."""

    def __init__(self, home: PortalHome, settings: PortalSettings) -> None:
        self._home = home
        self._names = names_for(settings.host, settings.names)
        self.own = bool(settings.tls.certificate)
        """Whether it is the operator's: he renews it."""
        given = (settings.tls.certificate, settings.tls.key)
        self._files: tuple[Path, Path] = (
            (home.path / given[0], home.path / given[1]) if self.own else certificate_files(home)
        )
        self._loaded: tuple[object, ...] = ()

    def context(self, now: datetime) -> ssl.SSLContext:
        """TLS 1.2 or newer. Loading a renewed certificate into it later serves new connections.

        Raises TmError when the files cannot be used, StorageFailed.
        """
        if not self.own:
            ensure_certificate(self._home, self._names, now)
        context = tls_context()
        self._load(context)
        return context

    def renew(self, context: ssl.SSLContext, now: datetime) -> bool:
        """Make it anew, or load what the operator has put there. True if it is new. Raises TmError."""
        if not self.own:
            if not ensure_certificate(self._home, self._names, now):
                return False
        elif self._marks() == self._loaded:
            return False
        self._load(context)
        return True

    def end(self) -> datetime | None:
        """When it ends; None while its file cannot be read."""
        try:
            found = x509.load_pem_x509_certificates(self._files[0].read_bytes())
        except (OSError, ValueError):
            return None
        return found[0].not_valid_after_utc

    def _marks(self) -> tuple[object, ...]:
        try:
            found = [path.stat() for path in self._files]
        except OSError as error:
            raise _unusable(self._files[0], os.strerror(error.errno or 0)) from None
        return tuple((one.st_mtime_ns, one.st_ino, one.st_size) for one in found)

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files
        marks = self._marks()
        try:
            for one in (
                tls_context(),
                context,
            ):  # what does not fit, as in the middle of a renewal, spoils it
                one.load_cert_chain(certificate, key, password=_no_password)
        except ssl.SSLError as error:
            raise _unusable(
                certificate, error.reason or "it holds no certificate that fits the key"
            ) from None
        except OSError as error:
            raise _unusable(certificate, os.strerror(error.errno or 0)) from None
        self._loaded = marks


def _no_password() -> str:
    """The library would ask on the terminal."""
    return ""


def _unusable(path: Path, why: str) -> TmError:
    shown = safe_text(str(path))
    remedy = "See tls.certificate and tls.key in portal.toml; the key must be there for the portal's user."
    return StorageFailed(f"The certificate {shown} cannot be used: {safe_text(why)}.", remedy)


async def keep(certificate: Certificate, portal: Portal, context: ssl.SSLContext) -> None:
    """Keep it in date until this is cancelled."""
    never = asyncio.Event()
    while True:
        await portal.clock.wait(never, _LOOK_SECONDS)
        try:
            renewed = await asyncio.to_thread(certificate.renew, context, portal.clock.now())
        except TmError as error:
            portal.log.say("certificate-not-renewed", cause=error.cause)
            continue
        if renewed:
            portal.log.say("certificate-renewed")
