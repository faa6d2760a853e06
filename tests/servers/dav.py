"""A stock Apache with DAV, where one is installed: it makes no folder by itself when a file is put."""

import base64
import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers.certificates import Certificates
from servers.process import daemon, folder, program

APACHE = """
ServerRoot {base}
ServerName localhost
User www-data
Group www-data
PidFile {base}/pid
ErrorLog {base}/error.log
Listen 127.0.0.1:{port}
{modules}
DavLockDB {base}/locks
DocumentRoot {base}/www
SSLEngine on
SSLCertificateFile {certificate}
SSLCertificateKeyFile {key}
<Directory {base}/www/logs>
  Dav On
  AuthType Basic
  AuthName TMSP
  AuthUserFile {base}/users
  <LimitExcept {methods}>
    Require all denied
  </LimitExcept>
  <Limit {methods}>
    Require valid-user
  </Limit>
</Directory>
"""
MODULES = (
    *("mpm_event", "ssl", "dav", "dav_fs", "dav_lock"),
    *("auth_basic", "authn_core", "authn_file", "authz_core", "authz_user"),
)
APACHES_OWN = Path("/usr/lib/apache2/modules")


@dataclass(frozen=True)
class Dav:
    """A running server and its folder `logs`."""

    port: int
    logs: Path


@contextlib.contextmanager
def apache(certificates: Certificates, user: str, password: str, *, mkcol: bool) -> Iterator[Dav]:
    """Run one with an empty folder `logs`, in which PUT is allowed, and MKCOL if wanted."""
    with folder("apache") as base:
        (base / "www" / "logs").mkdir(parents=True)
        for path in (base, base / "www" / "logs"):  # its lock database lies in the first
            shutil.chown(path, "www-data")
        digest = base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()
        (base / "users").write_text(f"{user}:{{SHA}}{digest}\n")
        config = base / "server.conf"
        options = {
            "base": base,
            "certificate": certificates.good.certificate,
            "key": certificates.good.key,
            "methods": "PUT MKCOL" if mkcol else "PUT",
            "modules": "\n".join(f"LoadModule {name}_module {APACHES_OWN}/mod_{name}.so" for name in MODULES),
        }

        def command(ports: list[int]) -> list[str]:
            config.write_text(APACHE.format(port=ports[0], **options))
            return [program("apache2"), "-X", "-d", str(base), "-f", str(config)]

        with daemon(command, 1, base / "out.log") as (port,):
            yield Dav(port, base / "www" / "logs")
