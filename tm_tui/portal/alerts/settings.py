"""What portal.toml says about alerts. Its docstrings document each setting; secrets have own files."""

import re
from datetime import datetime, time
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, model_validator

from tm_tui.settings.model import Part
from tm_tui.settings.types import refusal

__all__ = ["AlertSettings", "Mail", "Syslog", "Webhook", "is_quiet", "span_of"]

_SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


def span_of(text: str) -> tuple[time, time]:
    """Read `22:00-06:00`. Raises ValueError."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(text)
    begin, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    if begin == end:
        raise ValueError(text)
    return begin, end


def is_quiet(text: str, now: datetime) -> bool:
    """Whether a moment lies in the span, in the zone of this process. An empty span has no moment in it."""
    if not text:
        return False
    begin, end = span_of(text)
    at = now.astimezone().time()
    return begin <= at < end if begin < end else at >= begin or at < end


def _host(host: str) -> str:
    if len(host) > 253 or any(sign.isspace() or sign in "/[]@" for sign in host):
        raise refusal("host", "This is neither an IP address nor a host name.", "Enter the server's name.")
    return host


def _address(address: str) -> str:
    try:
        return validate_email(address, check_deliverability=False, globally_deliverable=False).normalized
    except EmailNotValidError:
        cause = "This is no e-mail address."
        raise refusal("email", cause, "Enter it as name@example.com.") from None


def _from(address: str) -> str:
    return _address(address) if address else address


def _https(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and bool(parts.hostname) and (parts.port or 443) > 0
    except ValueError:
        usable, parts = False, None
    if url and (not usable or parts is None or parts.username is not None or len(url) > 2000):
        cause = "This is no https address without a user name in it."
        raise refusal("url", cause, "Enter it as https://host/path; a secret goes into webhook.token_file.")
    return url


def _quiet(text: str) -> str:
    if text:
        try:
            span_of(text)
        except ValueError:
            cause = "This is no span of the day."
            raise refusal("quiet", cause, "Enter it as 22:00-06:00, in the portal's time zone.") from None
    return text


_Host = Annotated[str, AfterValidator(_host)]
_Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
_File = Annotated[str, Field(max_length=4096)]


class Mail(Part):
    """Alerts by mail. Without `alerts.mail.host` there are none."""

    host: _Host = ""
    """The mail server (SMTP)."""
    port: _Port = 587
    """587 with `starttls`, 465 with `tls`."""
    security: Literal["starttls", "tls"] = "starttls"
    """How TLS begins: after a greeting, or at once. A server that offers none gets no mail."""
    sender: Annotated[str, AfterValidator(_from)] = ""
    """The address that mails come from."""
    to: Annotated[tuple[Annotated[str, AfterValidator(_address)], ...], Field(max_length=50)] = ()
    """The addresses that mails go to."""
    username: Annotated[str, Field(max_length=255)] = ""
    """User name at the mail server; empty: it wants none."""
    password_file: _File = ""
    """File with the password; empty: the one that `tm-tui portal alert password mail` keeps in the home."""
    ca_file: _File = ""
    """File (PEM) with the authority of the mail server; empty: those of the system."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.host and not (self.sender and self.to):
            cause = "Mails need a sender and somebody to go to."
            raise refusal("mail", cause, "Set alerts.mail.sender and alerts.mail.to too.")
        return self


class Webhook(Part):
    """Alerts as JSON by HTTPS POST. Without an address there are none."""

    url: Annotated[str, AfterValidator(_https)] = ""
    """Where they go, `https://...`."""
    url_file: _File = ""
    """File with the address, in place of `alerts.webhook.url`, where the address itself is a secret."""
    token_file: _File = ""
    """File with a token that goes along as `Authorization: Bearer`; empty: the one that
    `tm-tui portal alert password webhook` keeps in the home, if there is one."""
    ca_file: _File = ""
    """File (PEM) with the authority of the server; empty: those of the system."""


class Syslog(Part):
    """Alerts as messages of RFC 5424 over TLS (RFC 5425). Without `alerts.syslog.host` there are none."""

    host: _Host = ""
    """The syslog server."""
    port: _Port = 6514
    """Its port for TLS."""
    facility: Annotated[int, Field(strict=True, ge=0, le=23)] = 4
    """Facility of RFC 5424: 4 is security, 16 to 23 are local ones."""
    ca_file: _File = ""
    """File (PEM) with the authority of the server; empty: those of the system."""
    certificate: _File = ""
    """File (PEM) with the portal's certificate for a server that asks for one."""
    key: _File = ""
    """File (PEM) with the private key of `alerts.syslog.certificate`, without a passphrase."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.certificate) != bool(self.key):
            cause = "Certificate and key belong together, and one is missing."
            raise refusal("syslog", cause, "Set alerts.syslog.certificate and alerts.syslog.key, or neither.")
        return self


class AlertSettings(Part):
    """When an operator is told, and how. Relative paths begin in the home."""

    silent_intervals: Annotated[int, Field(strict=True, ge=2, le=1000)] = 3
    """An appliance is silent when so many intervals have passed without a beat."""
    queue_events: Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)] = 100_000
    """A queue counts as full from so many waiting events on, and as in order again below half of it."""
    certificate_days: Annotated[int, Field(strict=True, ge=1, le=365)] = 14
    """So many days before the end of the portal's certificate."""
    group_seconds: Annotated[int, Field(strict=True, ge=0, le=3600)] = 60
    """What begins or ends within so many seconds is one message. What has passed by then is none."""
    look_seconds: Annotated[int, Field(strict=True, ge=5, le=600)] = 15
    """How often the portal looks whether there is something to tell, and tries what did not go out."""
    quiet: Annotated[str, AfterValidator(_quiet)] = ""
    """A span of each day in which nothing goes out, as `22:00-06:00` in the portal's time zone. What still
    holds at its end goes out then."""
    mail: Mail = Mail()
    webhook: Webhook = Webhook()
    syslog: Syslog = Syslog()
