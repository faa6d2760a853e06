"""The failures of TLS and certificates (see failures.py)."""

__all__ = ["TLS"]

_PROVIDER = "ask your support provider"
_CLOCK = "First check the appliance's date and time."

TLS: dict[str, tuple[str, str]] = {
    # --- tls (peer: the server, or the HTTPS proxy)
    "tls-expired": (
        "The certificate of {peer} has expired.",
        f"{_CLOCK} If they are right, the server's administrator must renew the certificate.",
    ),
    "tls-not-yet-valid": (
        "The certificate of {peer} is not valid yet.",
        (
            "Check the appliance's clock: it is probably behind. If it is right, the server's clock made "
            "a wrong certificate."
        ),
    ),
    "tls-wrong-name": (
        "The certificate of {peer} is for another name or address than {peer_host}.",
        (
            "Enter the name or address that the certificate is for, or ask for a certificate that has "
            "this one in it."
        ),
    ),
    "tls-unknown-issuer": (
        "The certificate of {peer} comes from an authority that this appliance does not know.",
        (
            "If it is your own portal's authority, put its certificate on this appliance and its path into "
            f"System > Server Identity, CA file. Otherwise {_PROVIDER}; someone may be listening in."
        ),
    ),
    "tls-self-signed": (
        "The certificate of {peer} is signed by itself: nothing proves that this is the right server.",
        (
            "If it is your own server, put its certificate on this appliance and its path into "
            "System > Server Identity, CA file. Otherwise do not go on."
        ),
    ),
    "tls-weak": (
        "The certificate or key exchange of {peer} is too weak to be safe.",
        "The server's administrator must make a new certificate with a longer key and SHA-256.",
    ),
    "tls-invalid": (
        "The certificate of {peer} cannot be used to prove who the server is.",
        f"The server's administrator must make a proper server certificate. {_CLOCK}",
    ),
    "tls-not-spoken": (
        "{Peer} does not speak TLS on this port.",
        "Check the port and, for the log server, the protocol: SSL is usually port 443, SSH port 22.",
    ),
    "tls-too-old": (
        "{Peer} offers only versions of TLS that are no longer safe.",
        "The server's administrator must switch on TLS 1.2 or newer.",
    ),
    "tls-no-common": (
        "{Peer} and this appliance share no safe way to encrypt.",
        "The server's administrator must allow current cipher suites for TLS 1.2 or 1.3.",
    ),
    "tls-name-refused": (
        "{Peer} says that it is not responsible for the name {peer_host}.",
        "Check the server's name, or ask its administrator which name it answers to.",
    ),
    "tls-client-certificate": (
        "{Peer} wants a client certificate, which the TMSP protocol does not use.",
        (
            "Check the port; ask the server's administrator to accept user name and password without a "
            "client certificate."
        ),
    ),
    "tls-closed": (
        "{Peer} closed the connection while encryption was being set up.",
        "Check the port. A firewall that inspects TLS may also cut the connection: let it pass this server.",
    ),
    "tls-timeout": (
        "{Peer} took the connection and then said nothing while encryption was being set up.",
        "Check the port, and that the server is healthy. A firewall that inspects TLS may be in the way.",
    ),
    "tls-failed": (
        "Encryption with {peer} could not be set up.",
        "Check the port. If it is right, ask the server's administrator what its log says.",
    ),
    "ca-unusable": (
        "The CA file that was set holds no usable certificate, so {peer} cannot be verified.",
        "Set the CA file again, or clear it, on the TMSP screen.",
    ),
}
