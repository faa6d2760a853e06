"""The stable table of failures: code -> (cause, remedy). docs/failures.md has a section for each code.

`{peer}` is who the stage talks to (in stage `proxy` the proxy), `{target}` the server; `{..._host}` is
without the port, and `{Peer}` begins a sentence.
"""

from tm_tui.link.codes_of_patterns import PATTERNS
from tm_tui.link.codes_of_servers import SERVERS
from tm_tui.link.codes_of_ssh import SSH
from tm_tui.link.codes_of_tls import TLS
from tm_tui.link.codes_of_ways import WAYS

__all__ = ["FAILURES"]

FAILURES: dict[str, tuple[str, str]] = {**WAYS, **TLS, **SSH, **SERVERS, **PATTERNS}
