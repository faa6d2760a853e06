"""The operator's pages of a running portal, as a browser asks for them: seconds and bytes of each."""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx

PAGES = (
    *("products", "products?state=missing", "products?text=123", "products?text=zzz", "products?beat=-day"),
    *("products?version=1.3", "products?sort=last", "products?sort=waiting&page=150", "products?state=twice"),
    *("products/tm-000077", "removed", "alerts", "alerts?before=9000", "endpoints", "endpoints?all=1"),
    *("endpoints?appliance=tm-000500", "endpoints?after=tm-005000/", "logs", "logs?appliance=tm-000500"),
    *("logs?before=500", "reports", "reports?appliance=tm-000500", "reports/tm-000077-daily-1", "cases"),
    *("cases?appliance=tm-000400", "patterns", "audit", "audit?before=10000", "retention", "accounts"),
    *("products.csv", "products.csv?state=missing", "endpoints.csv", "audit.csv"),
)


class Shown(NamedTuple):
    """One page. `first`: seconds until its first byte."""

    path: str
    status: int
    bytes: int
    first: float
    seconds: float

    @property
    def told(self) -> str:
        """In one phrase."""
        return f"{self.path}: {self.status}, {self.bytes / 1000:.0f} KB, {1000 * self.seconds:.0f} ms"


def pages(ready: dict[str, Any], paths: Sequence[str] = PAGES) -> list[Shown]:
    """Log on as the operator, and ask for each."""
    base = f"https://localhost:{ready['status_server']['port']}"
    found = []
    with httpx.Client(base_url=base, verify=ready["ca_file"], timeout=120) as client:
        form = client.get("/portal/logon").text
        token = re.search(r'name="token" value="([^"]+)"', form)
        password = Path(ready["operator_password_file"]).read_text().strip()
        given = {"username": ready["operator"], "password": password, "token": token[1] if token else ""}
        client.post("/portal/logon", data=given, headers={"origin": base})
        for path in paths:
            began, first, size = time.monotonic(), 0.0, 0
            with client.stream("GET", f"/portal/{path}") as reply:
                for chunk in reply.iter_raw():
                    first = first or time.monotonic() - began
                    size += len(chunk)
            found.append(Shown(path, reply.status_code, size, first, time.monotonic() - began))
    return found
