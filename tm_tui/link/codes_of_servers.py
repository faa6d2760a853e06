"""The failures at a server: TLS, host keys, logon, files and answers (see failure_codes)."""

__all__ = ["SERVERS"]

_PROVIDER = "ask your support provider"
_CLOCK = "First check the appliance's date and time."

SERVERS: dict[str, tuple[str, str]] = {
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
            f"If it is your own authority, set its certificate as CA file. Otherwise {_PROVIDER}; someone "
            "may be listening in."
        ),
    ),
    "tls-self-signed": (
        "The certificate of {peer} is signed by itself: nothing proves that this is the right server.",
        "If it is your own server, set its certificate as CA file. Otherwise do not go on.",
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
    # --- host key
    "host-key-unknown": (
        "The SSH host key of {target} has not been approved yet.",
        "Compare its fingerprint with the one your support provider gave you, then approve it.",
    ),
    "host-key-changed": (
        "The SSH host key of {target} is not the approved one. Someone may be posing as the server.",
        (
            "Ask your support provider whether the key was changed. Only then forget the old key and "
            "approve the new one."
        ),
    ),
    "host-key-new-type": (
        "The server {target} shows an SSH host key of another type than the approved one.",
        "Compare its fingerprint with the one your support provider gave you, then approve it too.",
    ),
    "host-keys-unreadable": (
        "The file of approved SSH host keys cannot be used, so {target} cannot be verified.",
        "Set the file's owner and mode right (chmod 600) or remove the damaged line: config/host_keys.",
    ),
    "host-key-invalid": (
        "The server {target} shows an SSH host key but cannot prove that it owns it.",
        "Do not go on; someone may be posing as the server. Ask your support provider.",
    ),
    # --- ssh
    "ssh-not-spoken": (
        "The server {target} does not speak SSH on this port.",
        "Check the port and the protocol: SSH is usually port 22, SSL port 443.",
    ),
    "ssh-no-common-algorithm": (
        "The server {target} and this appliance could not agree on safe SSH algorithms.",
        "The server's administrator must allow current algorithms (no SHA-1, no DSA).",
    ),
    "ssh-closed": (
        "The server {target} closed the connection before SSH was set up.",
        (
            "Check the port. The server may also be too busy, or block this appliance's address after "
            "wrong passwords."
        ),
    ),
    "ssh-timeout": (
        "The server {target} took the connection and then said nothing while SSH was being set up.",
        "Check the port and the protocol, and that the server is healthy.",
    ),
    "ssh-auth-refused": (
        "The server {target} did not accept the user name and password.",
        (
            'Enter the "registering products" user name and password again. The server must allow '
            "logging on by password."
        ),
    ),
    "ssh-password-expired": (
        "The password of this account has expired at the server {target}.",
        (
            'Ask the server\'s administrator for a new password of the "registering products" account, then '
            "enter it here."
        ),
    ),
    "ssh-password-not-offered": (
        "The server {target} does not let this account log on by password.",
        "Ask the server's administrator to allow logging on by password for the account.",
    ),
    "ssh-more-wanted": (
        "The server {target} took the password and wants something besides it, such as a key or a code.",
        "Ask the server's administrator to let this account log on by password alone.",
    ),
    "ssh-login-timeout": (
        "The server {target} did not finish the logon in time.",
        (
            "Try again. If it comes back, the server may be waiting for its own directory service: ask "
            "its administrator."
        ),
    ),
    "ssh-login-closed": (
        "The server {target} closed the connection during the logon.",
        "Check user name and password; the account may be locked or not allowed to log on.",
    ),
    "ssh-no-credentials": (
        "There are no credentials to log on to {target} with.",
        'Enter the "registering products" user name and password.',
    ),
    "sftp-not-offered": (
        "The server {target} accepted the logon but offers no file transfer (SFTP) to this account.",
        "Ask the server's administrator to allow SFTP for the account.",
    ),
    "ssh-no-session": (
        "The server {target} accepted the logon and opens no session for this account.",
        (
            "Other sessions of the account may be open: close them, or ask the server's administrator to "
            "allow more (OpenSSH: MaxSessions)."
        ),
    ),
    "sftp-text-before": (
        "The server {target} prints text where the file transfer (SFTP) should begin.",
        (
            "A start file of the account prints it, such as .bashrc. Ask the server's administrator to keep "
            "it silent for file transfers."
        ),
    ),
    "sftp-ended": (
        "The server {target} ended the file transfer (SFTP) before it began, and said why.",
        "Tell the server's administrator what it said.",
    ),
    # --- remote files
    "remote-denied": (
        "The server {target} does not let this account write its logs.",
        "Ask the server's administrator to let the account write to its folder.",
    ),
    "remote-no-folder": (
        "A folder that the logs belong in does not exist on {target}.",
        "Ask the server's administrator to create the folder logs and let the account write to it.",
    ),
    "remote-disk-full": (
        "The disk of {target} is full.",
        "Ask the server's administrator to make room. Everything waits on this appliance until then.",
    ),
    "remote-read-only": (
        "The disk of {target} can only be read.",
        "Ask the server's administrator to check the disk. Everything waits on this appliance until then.",
    ),
    "remote-file-failed": (
        "The server {target} could not carry out a file operation and gives no reason.",
        "Ask the server's administrator to check disk and rights of the account.",
    ),
    # --- http
    "http-auth-refused": (
        "The server {target} did not accept the user name and password.",
        (
            'Enter the "registering products" user name and password again, not those of the portal\'s '
            "own logon."
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
        "The server {target} has something else in this place already, or the folder is missing.",
        "Ask the server's administrator to check the folder logs of this appliance.",
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
        "Tell your support provider: the server announces a wrong address of its own.",
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
        "The server {target} does not know this appliance: it was removed from the Registered Products.",
        "Nothing to do: the appliance registers again. To stop that, switch off sending to TMSP.",
    ),
    "link-failed": (
        "The connection to {peer} failed for an unusual reason.",
        "Try again. If it comes back, make a diagnostics bundle and contact support.",
    ),
}
