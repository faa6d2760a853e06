"""Alerts on their ways, to real receivers: what arrives, and what an operator reads when nothing does."""

import asyncio
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from servers.alert_receivers import PASSWORD, USER, mail_server, syslog_server, web_server
from servers.certificates import Certificates
from servers.process import free_port
from tm_tui.portal.alerts.failures import NotSent
from tm_tui.portal.alerts.mail import MailSender
from tm_tui.portal.alerts.message import Item, Message
from tm_tui.portal.alerts.settings import Mail, Syslog, Webhook
from tm_tui.portal.alerts.syslog import SyslogSender, line_of
from tm_tui.portal.alerts.webhook import WebhookSender

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECRET = "hook-token-1"


def item(subject: str = "tm-a", kind: str = "silent", **more: Any) -> Item:
    return Item.model_validate({"kind": kind, "state": "began", "subject": subject, "since": AT, **more})


def message(*items: Item) -> Message:
    return Message(number="17", at=AT, portal="portal.example.com", items=items or (item(),))


def kept(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return path


def mail(port: int, certificates: Certificates, password: Path | None, **more: Any) -> MailSender:
    settings = {"host": "localhost", "port": port, "sender": "tmsp@example.com", "username": USER, **more}
    settings.setdefault("to", ["ops@example.com", "soc@example.com"])
    return MailSender(Mail.model_validate(settings), password, certificates.ca_file)


def hook(port: int, certificates: Certificates, token: Path | None = None) -> WebhookSender:
    settings = Webhook(url=f"https://localhost:{port}/hook/path-secret")
    return WebhookSender(settings, None, token, certificates.ca_file)


def syslog(port: int, certificates: Certificates, *, own: bool = False) -> SyslogSender:
    pair = (certificates.good.certificate, certificates.good.key) if own else None
    return SyslogSender(Syslog(host="localhost", port=port), certificates.ca_file, pair)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_arrives(certificates: Certificates, tmp_path: Path, security: str) -> None:
    """One mail to all addresses, logged on, with what happened in subject and text, in any language."""
    password = kept(tmp_path, f"{PASSWORD}\n")
    async with mail_server(certificates.good, at_once=security == "tls") as server:
        found = message(item("tm-a"), item("tm-b"), item("tm-c", ended=AT, state="ended", detail="Grüße"))
        await mail(server.port, certificates, password, security=security).send(found)
    ((authenticated, envelope),) = server.got
    assert authenticated
    assert envelope.rcpt_tos == ["ops@example.com", "soc@example.com"]
    read = message_from_bytes(envelope.content, policy=policy.default)
    assert read["Subject"] == "[TMSP] 2 appliances are silent, tm-c is back"
    assert read["Message-ID"] == "<17@example.com>"
    assert "tm-a is silent since" in read.get_content()
    assert "Grüße" in read.get_content()


async def test_a_webhook_arrives(certificates: Certificates, tmp_path: Path) -> None:
    """JSON with each thing by itself, all of it in words, and a token that no file for all users may hold."""
    async with web_server(certificates.good) as server:
        await hook(server.port, certificates, kept(tmp_path, SECRET)).send(message())
    ((headers, told),) = server.got
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert (told["version"], told["number"], told["subject"]) == (1, "17", "tm-a is silent")
    assert told["items"][0]["kind"] == "silent"
    assert told["items"][0]["since"] == "2026-03-01T12:00:00Z"
    assert told["items"][0]["words"] in told["text"]


async def test_syslog_arrives(certificates: Certificates) -> None:
    """Each thing is a message of its own with structured data, also for a server that knows its clients."""
    items = (item("tm-a"), item("tm-b", state="ended", ended=AT))
    async with syslog_server(certificates.good, certificates.ca_pem) as server:
        await syslog(server.port, certificates, own=True).send(message(*items))
        first, second = await server.wait(2)
    assert first.startswith(b"<36>1 2026-03-01T12:00:00.000Z ")
    assert b' tm-tui-portal - silent [tmsp@32473 kind="silent" state="began" subject="tm-a" ' in first
    assert b"] \xef\xbb\xbftm-a is silent since" in first
    assert second.startswith(b"<37>1 ")


def test_syslog_fields_cannot_be_left() -> None:
    """A quote, a bracket or a backslash ends no field."""
    line = line_of(message(), item('a"] b\\'), 4)
    assert b'subject="a\\"\\] b\\\\"' in line


@pytest.mark.parametrize("bad", ["tls-expired", "tls-wrong-name", "tls-unknown-issuer"])
async def test_nothing_goes_to_a_server_that_proves_nothing(
    certificates: Certificates, tmp_path: Path, bad: str
) -> None:
    """Mail, webhook and syslog name what is wrong with the certificate, and have sent nothing."""
    pair, secret = certificates.bad[bad], kept(tmp_path, PASSWORD)
    wrong = {
        "tls-expired": "has expired",
        "tls-wrong-name": "another name",
        "tls-unknown-issuer": "authority",
    }
    async with (
        mail_server(pair) as mails,
        mail_server(pair, at_once=True) as mails_in_tls,
        web_server(pair) as web,
        syslog_server(pair) as log,
    ):
        senders = (
            mail(mails.port, certificates, secret),
            mail(mails_in_tls.port, certificates, secret, security="tls"),
            hook(web.port, certificates, secret),
            syslog(log.port, certificates),
        )
        for sender in senders:
            with pytest.raises(NotSent, match=wrong[bad]):
                await sender.send(message())
        assert not any(one.got for one in (mails, mails_in_tls, web, log))


async def test_why_nothing_arrives(certificates: Certificates, tmp_path: Path) -> None:
    """Each way names its server and the reason, and never a secret or the path of a webhook."""
    secret, port = kept(tmp_path, PASSWORD), free_port()
    told = []

    async def refused(sender: Any) -> str:
        with pytest.raises(NotSent) as found:
            await sender.send(message())
        told.append(f"{found.value.cause} {found.value.remedy}")
        return told[-1]

    for sender in (
        mail(port, certificates, secret), hook(port, certificates), syslog(port, certificates)
    ):  # fmt: skip
        assert f"localhost:{port} takes no connection." in await refused(sender)
    async with (
        mail_server(certificates.good) as mails,
        web_server(certificates.good) as web,
        syslog_server(certificates.good, certificates.ca_pem) as log,
    ):
        other = kept(tmp_path, "wrong")
        assert "does not accept user name and password" in await refused(
            mail(mails.port, certificates, other)
        )
        assert "no password" in await refused(mail(mails.port, certificates, None))
        kept(tmp_path, PASSWORD, 0o644)
        assert "All users of this machine may read" in await refused(mail(mails.port, certificates, secret))
        kept(tmp_path, PASSWORD)
        mails.answer = "554 no such message here"
        assert "554 no such message here" in await refused(mail(mails.port, certificates, secret))
        wrong = mail(mails.port, certificates, secret, security="tls")
        assert "does not speak TLS on this port" in await refused(wrong)
        web.status = 401
        assert "answered 401" in await refused(hook(web.port, certificates, secret))
        web.status = 302
        assert "answered 302" in await refused(hook(web.port, certificates, secret))
        assert "may want a certificate" in await refused(syslog(log.port, certificates))
    assert not any(PASSWORD in one or "path-secret" in one or SECRET in one for one in told)


async def test_a_server_that_says_nothing(certificates: Certificates, tmp_path: Path) -> None:
    """A receiver that takes the connection and says nothing is given up by who sends, whatever the way."""
    never = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()
        writer.transport.abort()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        secret = kept(tmp_path, PASSWORD)
        for sender in (
            mail(port, certificates, secret),
            hook(port, certificates),
            syslog(port, certificates),
        ):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await sender.send(message())
    finally:
        never.set()
        server.close()


@pytest.mark.parametrize(
    ("part", "values"),
    [
        (Mail, {"host": "mail.example.com"}),
        (Mail, {"host": "mail.example.com", "sender": "x", "to": ["a@example.com"]}),
        (Mail, {"host": "a b"}),
        (Webhook, {"url": "http://example.com/"}),
        (Webhook, {"url": "https://user:pass@example.com/"}),
        (Webhook, {"url": "https:///x"}),
        (Webhook, {"url": "https://example.com:x/"}),
        (Syslog, {"host": "log", "certificate": "a.pem"}),
        (Syslog, {"host": "log", "port": 0}),
        (Syslog, {"host": "log", "colour": "red"}),
    ],
)
def test_settings_that_cannot_work_are_refused(part: Any, values: dict[str, Any]) -> None:
    """What could send nothing, or without protection, is refused when it is read."""
    with pytest.raises(ValueError, match=r"."):
        part.model_validate(values)
