"""Alerts by mail: SMTP (RFC 5321) inside TLS from the start, or after STARTTLS (RFC 3207), never without."""

import asyncio
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import aiosmtplib

from tm_tui.portal.alerts.failures import NotSent, context_of, not_sent, secret_in
from tm_tui.portal.alerts.message import Message
from tm_tui.portal.alerts.settings import Mail
from tm_tui.text import safe_text

__all__ = ["MailSender"]

_SECONDS = 20.0
"""For each command and reply; the whole has its own bound."""


class MailSender:
    """Sends one mail a message, to all addresses at once."""

    name = "mail"

    def __init__(self, settings: Mail, password: Path | None, ca_file: Path | None) -> None:
        self._settings = settings
        self._password = password
        self._ca_file = ca_file
        self.target = f"{settings.host}:{settings.port}"

    async def send(self, message: Message) -> None:
        """Hand it over to the mail server. Raises NotSent."""
        settings, context = self._settings, context_of(self._ca_file)
        password = self._secret() if settings.username else None
        mail = await asyncio.to_thread(self._mail, message)
        server = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=context,
            timeout=_SECONDS,
        )
        try:
            async with server:
                if password is not None:
                    await server.login(settings.username, password)
                await server.send_message(mail)  # one address taken is enough, as of a list
        except aiosmtplib.SMTPException as error:
            raise self._failed(error) from None
        except (OSError, ValueError) as error:
            raise not_sent(error, self.target) from None

    def _secret(self) -> str:
        if self._password is None:
            cause = "There is a user name for the mail server, and no password."
            raise NotSent(cause, "Set it with `tm-tui portal alert password mail`.")
        return secret_in(self._password)

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._settings.sender
        mail["To"] = ", ".join(self._settings.to)
        mail["Subject"] = safe_text(f"[TMSP] {message.subject}", 200)
        mail["Date"] = format_datetime(message.at)
        domain = self._settings.sender.rpartition("@")[2]
        mail["Message-ID"] = f"<{message.number}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers of absent people
        mail.set_content(message.text)
        return mail

    def _failed(self, error: aiosmtplib.SMTPException) -> NotSent:
        """What the server said, without what we said to it."""
        say = partial(safe_text, limit=200)
        if isinstance(error, aiosmtplib.SMTPAuthenticationError):
            cause = f"{self.target} does not accept user name and password."
            return NotSent(cause, "Set the password again: `tm-tui portal alert password mail`.")
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
            told = "; ".join(
                f"{say(one.recipient)}: {one.code} {say(one.message)}" for one in error.recipients[:3]
            )
            cause = f"{self.target} takes none of the addresses ({told})."
            return NotSent(cause, "Check alerts.mail.to.", answered=True)
        if isinstance(error, aiosmtplib.SMTPNotSupported):
            cause = f"{self.target} does not offer what is needed ({say(str(error))})."
            return NotSent(cause, "Check alerts.mail.security, alerts.mail.port and the user name.")
        if isinstance(error, aiosmtplib.SMTPResponseException):
            cause = f"{self.target} refused the mail: {error.code} {say(error.message)}."
            return NotSent(cause, "Look into that server's log.", answered=error.code >= 500)
        return not_sent(error, self.target)
