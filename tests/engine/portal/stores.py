"""Where a portal of a test keeps things: SQLite and files, PostgreSQL and files, PostgreSQL and S3."""

from pathlib import Path

from portals import with_settings

from servers.buckets import Buckets
from servers.postgres import Postgres


class Stores:
    """One kind of store. Each home in it has a database, and a bucket, of its own."""

    server: Postgres | None = None
    template: str = ""
    buckets: Buckets | None = None

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def home(self, path: Path) -> Path:
        """Make a home whose portal.toml says where; on SQLite it is one as nobody has touched it."""
        text = ""
        if self.server is not None:
            text += f'database = "{self.server.database(self.template)}"\n'
        if self.buckets is not None:
            text += f'blobs = "{self.buckets.new()}"\n'
        return with_settings(path, text) if text else path
