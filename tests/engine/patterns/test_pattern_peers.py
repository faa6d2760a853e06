"""Other ends that nobody here wrote: python-tuf's own client reads our portal, ours reads stock nginx."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from engine.portal.portals import opened_portal
from patterning.repository import Repository
from patterning.serving import PREFIX, fetching
from servers.certificates import Certificates
from servers.proxies import USER, Squid
from servers.web import Web
from tm_tui.link.bandwidth import Bandwidth, Limiter

# The stock client with its own fetcher; the account goes into the headers that it sends.
STOCK = """
import json, sys
from pathlib import Path
from tuf.api.metadata import Metadata
from tuf.ngclient import Updater
from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher
from urllib3 import make_headers
told = json.load(sys.stdin)
folder = Path(told["folder"])
fetcher = Urllib3Fetcher()
fetcher._proxy_env._kw_args["headers"].update(make_headers(basic_auth=told["account"]))
updater = Updater(str(folder), told["base"] + "metadata/", str(folder), told["base"] + "targets/", fetcher,
                  bootstrap=told["root"].encode())
updater.refresh()
targets = Metadata.from_file(str(folder / "targets.json")).signed.targets
found = {}
for path in targets:
    local = updater.download_target(updater.get_targetinfo(path))
    found[path] = [Path(local).read_bytes().decode(), targets[path].custom]
print(json.dumps({"root": updater._trusted_set.root.version, "targets": found}))
"""


def stock_client(folder: Path, base: str, account: str, root: str, ca_file: str) -> dict[str, object]:
    """Run it in a process of its own, as its authorities come from the environment."""
    told = {"folder": str(folder), "base": base, "account": account, "root": root}
    done = subprocess.run(
        (sys.executable, "-c", STOCK),
        input=json.dumps(told),
        env={**os.environ, "SSL_CERT_FILE": ca_file, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


async def test_the_stock_client_reads_our_portal(tmp_path: Path) -> None:
    """python-tuf's client, unchanged, verifies what the portal issued, over TLS, through a key rotation."""
    content = tmp_path / "content"
    content.write_text("the pattern")
    async with opened_portal(tmp_path / "portal") as portal:
        root = (await portal.register()).json()["pattern_root"]
        issue = ("pattern", "issue", str(content), "--type", "controlled", "--description", "Of the portal")
        assert portal.command(*issue, "--json").returncode == 0
        assert portal.command("pattern", "keys", "rotate").returncode == 0
        assert portal.command(*issue, "--version", "2").returncode == 0
        base = f"https://127.0.0.1:{portal.ready['status_server']['port']}{PREFIX}"
        folder = tmp_path / "stock"
        folder.mkdir()
        account = ":".join(portal.credentials)
        found = await asyncio.to_thread(stock_client, folder, base, account, root, portal.ready["ca_file"])
    assert found["root"] == 2
    about = {"type": "controlled", "description": "Of the portal"}
    assert found["targets"] == {
        "pattern-000000001": ["the pattern", about | {"id": 1, "version": "1.0"}],
        "pattern-000000002": ["the pattern", about | {"id": 2, "version": "2"}],
    }


def stock_repository(web: Web) -> Repository:
    """One made with python-tuf alone, as files under nginx."""
    repository = Repository()
    repository.add(7, b"from a stranger")
    repository.rotate()
    repository.add(8, b"in a folder", target="some/folder/file.bin")
    for name, data in repository.files.items():
        path = web.root / PREFIX.strip("/") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o644)
    return repository


async def test_ours_reads_a_stock_repository_on_nginx(
    web: Web, certificates: Certificates, tmp_path: Path
) -> None:
    """It is verified and kept by our agent."""
    repository = stock_repository(web)
    async with fetching(tmp_path, web.port, certificates.ca_pem) as it:
        assert await it.check(repository.first_root) is None
        assert it.arrived == [7, 8]
        found = it.service.store.checked(8)
        assert found is not None
        assert found[1].read_bytes() == b"in a folder"


class CountedLimiter(Limiter):
    """Knows how many bytes were booked on it."""

    booked = 0

    def reserve(self, size: int) -> float:
        self.booked += size
        return super().reserve(size)


async def test_patterns_come_through_a_proxy(
    web: Web, certificates: Certificates, squid_proxy: Squid, tmp_path: Path
) -> None:
    """Through squid with a password, and within a download limit that is counted for all of it."""
    repository = stock_repository(web)
    bandwidth = Bandwidth()
    bandwidth.download = counted = CountedLimiter.of_kbps(10_000)
    proxy = {"enabled": True, "type": "http", "host": "127.0.0.1", "port": squid_proxy.auth, "username": USER}
    async with fetching(tmp_path, web.port, certificates.ca_pem, proxy=proxy, bandwidth=bandwidth) as it:
        assert await it.check(repository.first_root) is None
        assert it.arrived == [7, 8]
    assert counted.booked > sum(len(data) for name, data in repository.files.items() if "targets/" in name)
    assert f"CONNECT 127.0.0.1:{web.port}" in squid_proxy.log.read_text()
