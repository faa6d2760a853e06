"""What the operating system, its resolver and OpenSSL report, as codes of docs/failures.md."""

import errno
import socket
import ssl

__all__ = ["code_for_os_error", "code_for_tls_error"]

# OpenSSL's X509_V_ERR_* numbers (x509_vfy.h)
_VERIFY = {
    9: "tls-not-yet-valid",
    10: "tls-expired",
    18: "tls-self-signed",
    19: "tls-unknown-issuer",
    2: "tls-unknown-issuer",
    20: "tls-unknown-issuer",
    21: "tls-unknown-issuer",
    62: "tls-wrong-name",
    64: "tls-wrong-name",
    66: "tls-weak",
    67: "tls-weak",
    68: "tls-weak",
}
_REASONS = {
    "WRONG_VERSION_NUMBER": "tls-not-spoken",
    "HTTP_REQUEST": "tls-not-spoken",
    "UNKNOWN_PROTOCOL": "tls-not-spoken",
    "PACKET_LENGTH_TOO_LONG": "tls-not-spoken",
    "RECORD_LAYER_FAILURE": "tls-not-spoken",
    "BAD_RECORD_TYPE": "tls-not-spoken",
    "UNSUPPORTED_PROTOCOL": "tls-too-old",
    "TLSV1_ALERT_PROTOCOL_VERSION": "tls-too-old",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "tls-no-common",
    "NO_SHARED_CIPHER": "tls-no-common",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": "tls-no-common",
    "DH_KEY_TOO_SMALL": "tls-weak",
    "EE_KEY_TOO_SMALL": "tls-weak",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "tls-client-certificate",
    "TLSV1_UNRECOGNIZED_NAME": "tls-name-refused",
    "UNEXPECTED_EOF_WHILE_READING": "tls-closed",
}
_TCP = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timeout",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETDOWN: "unreachable",
    errno.EHOSTDOWN: "unreachable",
    errno.EADDRNOTAVAIL: "unreachable",
    errno.EAFNOSUPPORT: "unreachable",
    errno.EACCES: "blocked",
    errno.EPERM: "blocked",
}
_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def code_for_tls_error(error: ssl.SSLError, stage: str) -> str:
    """A code for what OpenSSL says of a certificate or a handshake."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, "tls-invalid")
    if isinstance(error, ssl.SSLEOFError):
        return "tls-closed"
    code = _REASONS.get(error.reason or "", "tls-failed")
    return "proxy-tls-not-spoken" if stage == "proxy" and code == "tls-not-spoken" else code


def code_for_os_error(error: OSError, stage: str) -> str | None:
    """A code for an errno or a resolver's answer; None for what says nothing."""
    where = "proxy" if stage == "proxy" else "tcp"
    if isinstance(error, socket.gaierror):
        missing = error.errno in {socket.EAI_NONAME, socket.EAI_NODATA}
        if where == "proxy":
            return "proxy-host-unknown" if missing else "proxy-no-resolver"
        return "name-unknown" if missing else "name-no-resolver"
    if error.errno in _RESOURCES:
        return "local-resources"
    kind = _TCP.get(error.errno or 0)
    return f"{where}-{kind}" if kind else None
