"""Whom the appliance believes: the system's authorities, the admin's CA file, and approved SSH host keys."""

import ssl

import truststore

from tm_tui.errors import TmError
from tm_tui.link.host_keys import HostKeys

__all__ = ["Trust"]

_REMEDY = "Choose a PEM file with the certificate of the authority that issued your server's certificate."


class Trust:
    """Verification is always on: this only says against what. `ca_pem` adds authorities to the system's."""

    def __init__(self, ca_pem: str | None, host_keys: HostKeys) -> None:
        self.ca_pem = ca_pem
        self.host_keys = host_keys

    def tls_context(self) -> ssl.SSLContext:
        """A client context: TLS 1.2 at least, name and chain checked. Raises TmError on a CA that is none.

        Whom the admin trusts is trusted: a chain may end at an intermediate authority of the CA file
        (RFC 5280, 6.1: a trust anchor need not be self-signed).
        """
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ca_pem:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            try:
                context.load_verify_locations(cadata=self.ca_pem)
            except (ssl.SSLError, ValueError):
                raise TmError("The CA file holds no usable certificate.", _REMEDY) from None
        return context
