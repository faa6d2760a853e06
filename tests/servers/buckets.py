"""An S3 server on loopback that keeps all in memory (moto), and fresh buckets in it."""

import contextlib
import secrets
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

KEYS = {"AWS_ACCESS_KEY_ID": "test-key", "AWS_SECRET_ACCESS_KEY": "test-secret"}


@dataclass(frozen=True)
class Buckets:
    """A running server."""

    endpoint: str

    def new(self) -> str:
        """The address of a bucket of one's own, with a prefix in it."""
        name = f"tmsp-{secrets.token_hex(6)}"
        httpx.put(f"{self.endpoint}/{name}", trust_env=False).raise_for_status()
        return f"s3://{name}/portal?endpoint={self.endpoint}"


@contextlib.contextmanager
def buckets() -> Iterator[Buckets]:
    """Start it, in a thread of this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that it brings along
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
    try:
        host, port = server.get_host_and_port()
        yield Buckets(f"http://{host}:{port}")
    finally:
        server.stop()
