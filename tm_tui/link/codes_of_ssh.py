"""The failures of SSH: host keys, logon, file transfer, files (see failures.py)."""

__all__ = ["SSH"]

SSH: dict[str, tuple[str, str]] = {
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
        (
            "Ask the server's administrator to create it and let the account write to it, or to let the "
            "account make folders in logs."
        ),
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
        "The server {target} could not carry out a file operation.",
        (
            "If it says why, do that. Otherwise ask the server's administrator to check disk and rights of "
            "the account."
        ),
    ),
}
