"""`@tus/server` from npm, behind TLS: the tus server that no one here wrote."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers.certificates import Certificates
from servers.process import daemon, folder, program

__all__ = ["TusServer", "tus_server"]

_HERE = Path(__file__).parent / "tus"


@dataclass(frozen=True)
class TusServer:
    """Where it listens, and where it keeps what it received: `<upload>` and `<upload>.json`."""

    port: int
    folder: Path

    def received(self) -> list[Path]:
        """The uploads, whole or not."""
        return sorted(path for path in self.folder.iterdir() if path.suffix != ".json")


@contextlib.contextmanager
def tus_server(certificates: Certificates) -> Iterator[TusServer]:
    """Run one on a loopback port."""
    assert (_HERE / "node_modules").is_dir(), "@tus/server is missing: run packaging/test-peers"
    good = certificates.good
    with folder("tus") as base:

        def command(ports: list[int]) -> list[str]:
            paths = (str(base), str(good.certificate), str(good.key))
            return [program("node"), str(_HERE / "server.js"), str(ports[0]), *paths]

        log = Path(f"{base}.log")
        try:
            with daemon(command, 1, log) as ports:
                yield TusServer(ports[0], base)
        finally:
            log.unlink(missing_ok=True)
