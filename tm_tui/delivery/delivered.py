"""What counts as delivered, over SSL and SSH alike (docs/protocol.md). Decided here and nowhere else.

All else is a failure, and the batch stays: a log-on page, a maintenance page or an application before the log
server says 200 to anything, and keeps nothing.
"""

from collections.abc import Callable

__all__ = ["HTTP_DELIVERED", "HTTP_STORED", "SFTP_DELIVERED", "Sent"]

HTTP_STORED = frozenset({201, 204})
"""Answers to a PUT whose content is kept (RFC 9110, 9.3.4); 200 and 202 do not say that."""
HTTP_DELIVERED = HTTP_STORED | {412}
"""The same, and: it is there already, which `If-None-Match: *` asks for (RFC 9110, 13.1.2)."""
SFTP_DELIVERED = frozenset({0})
"""SSH_FX_OK of the last step, the rename."""
Sent = Callable[[int], None]
"""Called with the number of bytes that have just gone out: a sign of life, and progress to show."""
