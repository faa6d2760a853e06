"""`tm-tui portal alert`: a test on each way that is set, and secrets that stand in no settings file."""

import asyncio
import json
from pathlib import Path

from portals import opened_portal, told, with_settings

from servers.alert_receivers import PASSWORD, USER, mail_server, syslog_server, web_server
from servers.certificates import Certificates
from servers.process import free_port


def written(home: Path, certificates: Certificates, mail: int, hook: int, log: int) -> None:
    ca_file = f'ca_file = "{certificates.ca_file}"\n'
    with_settings(
        home,
        f'[alerts.mail]\nhost = "localhost"\nport = {mail}\nsender = "tmsp@example.com"\n'
        f'to = ["ops@example.com"]\nusername = "{USER}"\n{ca_file}'
        f'[alerts.webhook]\nurl = "https://localhost:{hook}/hook"\n{ca_file}'
        f'[alerts.syslog]\nhost = "localhost"\nport = {log}\n{ca_file}',
    )


async def test_each_way_is_tried(home: Path, certificates: Certificates) -> None:
    """What is set is tried, all at once; what fails is named with its reason, and the others arrive."""
    words = ("--home", str(home))
    async with (
        opened_portal(home),
        mail_server(certificates.good) as mails,
        web_server(certificates.good) as hook,
        syslog_server(certificates.good) as log,
    ):
        none = await asyncio.to_thread(told, "alert", "test", *words)
        assert (none.returncode, "No way for alerts is set." in none.stderr) == (1, True)
        written(home, certificates, mails.port, hook.port, log.port)
        for way, secret in (("mail", PASSWORD), ("webhook", "token-1")):
            kept = await asyncio.to_thread(told, "alert", "password", way, *words, stdin=f"{secret}\n")
            assert kept.returncode == 0, kept.stderr
        assert (home / "keys" / "alert-mail-password").stat().st_mode & 0o777 == 0o600
        done = await asyncio.to_thread(told, "alert", "test", *words)
        assert (done.returncode, done.stdout.count(": sent\n")) == (0, 3), done.stdout
        assert hook.got[0][0]["authorization"] == "Bearer token-1"
        assert "This alert is only tried" in hook.got[0][1]["text"]
        assert b" test " in (await log.wait())[0]
        assert len(mails.got) == 1
        written(home, certificates, free_port(), hook.port, log.port)
        gone = await asyncio.to_thread(told, "alert", "password", "webhook", "--remove", *words)
        assert gone.returncode == 0
        done = await asyncio.to_thread(told, "alert", "test", *words, "--json")
        assert done.returncode == 1
        failures = {one["way"]: one["failure"] for one in json.loads(done.stdout)["ways"]}
        assert "takes no connection" in failures["mail"]
        assert (failures["webhook"], failures["syslog"]) == ("", "")
        assert "authorization" not in hook.got[1][0]
