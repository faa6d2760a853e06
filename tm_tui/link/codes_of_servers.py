"""The failures at a server: what it answers, or does not (see failures.py)."""

__all__ = ["SERVERS"]

SERVERS: dict[str, tuple[str, str]] = {
    # --- http
    "http-auth-refused": (
        "The server {target} did not accept the user name and password.",
        (
            'Enter the "registering products" user name and password again, not those of the portal\'s '
            "own logon."
        ),
    ),
    "http-auth-method": (
        "The server {target} wants a way of logging on that this appliance does not know.",
        (
            "Check address and port. If they are right, ask the server's administrator to allow Basic "
            "authentication."
        ),
    ),
    "http-forbidden": (
        "The server {target} knows the account and does not allow it to do this.",
        "Ask your support provider to allow this account to register products and send logs.",
    ),
    "http-proxy-auth": (
        "The server {target} answered as only a proxy should: it wants a user name and password for a proxy.",
        (
            "A proxy may stand in its place. If the network has one, enter it on the Proxy Settings screen; "
            "otherwise ask the server's administrator to correct this answer."
        ),
    ),
    "http-not-found": (
        "The server {target} does not have what was asked for.",
        "Check address and port: this may be another server than TMSP's.",
    ),
    "http-method": (
        "The server {target} does not allow this kind of request.",
        "Check address and port: this may be a plain web server. A log server must accept uploads (PUT).",
    ),
    "http-conflict": (
        "The server {target} has something else in this place already, which it keeps.",
        (
            "Ask the server's administrator to look at what lies in the folder logs of this appliance. What "
            "was to be sent waits here."
        ),
    ),
    "http-too-large": (
        "The server {target} does not accept uploads of this size.",
        "Ask the server's administrator to allow larger uploads; smaller parts are tried meanwhile.",
    ),
    "http-busy": (
        "The server {target} asks to come back later: too many requests.",
        "Nothing to do: the appliance tries again by itself.",
    ),
    "http-server-error": (
        "The server {target} has a fault of its own.",
        "Try again later. If it stays, tell the server's administrator or your support provider.",
    ),
    "http-refused": (
        "The server {target} did not understand or accept the request.",
        "Check address and port, and that the server's version fits this appliance.",
    ),
    "case-too-large": (
        "The server {target} does not accept a case of this size.",
        "Cancel it and submit fewer files, or ask the server's administrator to allow larger cases.",
    ),
    "case-locked": (
        "The server {target} is still busy with an earlier part of this case.",
        "Nothing to do: the appliance tries again by itself.",
    ),
    "case-offset": (
        "The server {target} and this appliance do not agree how much of the case has arrived.",
        (
            "Nothing to do: the appliance tries again by itself. If it stays, cancel the case and submit it "
            "anew."
        ),
    ),
    "case-checksum": (
        "What the server {target} received of the case is not what this appliance sent.",
        (
            "Nothing to do: the appliance sends it again by itself. If it stays, something on the way or the "
            "server's disk damages data: tell your support provider."
        ),
    ),
    "captive-portal": (
        "Instead of an answer, {target} sent the address of another page.",
        "Check address and port. A network logon page may be in the way: let the appliance pass without it.",
    ),
    "http-foreign-address": (
        "The server {target} pointed to an address on another server, which is not followed.",
        (
            "If the server stands behind a proxy that ends TLS, its administrator must let it know the "
            "address that appliances use (X-Forwarded-Proto and X-Forwarded-Host; tusd: -behind-proxy)."
        ),
    ),
    # --- replies
    "reply-timeout": (
        "The server {target} took the request and did not answer in time.",
        (
            "Nothing is lost: it is sent again. If it stays, the server may be overloaded: tell its "
            "administrator."
        ),
    ),
    "reply-closed": (
        "The server {target} closed the connection before its answer was complete.",
        "Nothing is lost: it is sent again. If it stays, tell the server's administrator.",
    ),
    "reply-not-understood": (
        "The server {target} gave an answer that is not of the expected form.",
        "Check address and port: this may be another kind of server, or a page of the network in between.",
    ),
    "reply-too-large": (
        "The answer of {target} is larger than it can sensibly be.",
        (
            "Check address and port: this may be another server than TMSP's. Otherwise tell your support "
            "provider."
        ),
    ),
    "reply-encoded": (
        "The server {target} compressed its answer although it was asked not to, so the answer was refused.",
        "Ask the server's administrator to switch compression off for this service.",
    ),
    "send-timeout": (
        "The server {target} stopped taking data in the middle of an upload.",
        "Nothing is lost: it is sent again. Check the line, and that the server is healthy.",
    ),
    "not-registered": (
        "The server {target} does not know this appliance (any more).",
        "Nothing to do: the appliance registers again. To stop that, switch off sending to TMSP.",
    ),
    "registration-removed": (
        "The server {target} says that this appliance was removed from the Registered Products.",
        (
            "It stays removed, and its logs wait here. To register it again, save the settings with sending "
            "switched on (F2), or ask the portal's operator to readmit it."
        ),
    ),
    "version-refused": (
        "The server {target} does not take this version of the appliance.",
        (
            "System > About names the versions of both. Update the one that is older; until then logs wait "
            "here, and it is tried again."
        ),
    ),
    "link-failed": (
        "The connection to {peer} failed for an unusual reason.",
        "Try again. If it comes back, make a diagnostics bundle and contact support.",
    ),
}
