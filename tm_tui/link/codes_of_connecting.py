"""The failures on the way to a server: its name, the network, the proxy (see failures.py)."""

__all__ = ["WAYS"]

_NAME_SERVERS = "Check the appliance's name servers and network, then try again."
_PROXY_FIELDS = "Check address, port and type on the Proxy Settings screen"
_ADMIN = "ask the administrator of the proxy"

WAYS: dict[str, tuple[str, str]] = {
    # --- name
    "name-unknown": (
        "The name {host} is not known to the appliance's name servers.",
        (
            "Check the spelling. If the name is right, check the appliance's name servers, or enter the "
            "IP address."
        ),
    ),
    "name-no-resolver": ("No name server answered when the appliance asked for {host}.", _NAME_SERVERS),
    "name-timeout": ("The name servers gave no answer for {host} in time.", _NAME_SERVERS),
    # --- tcp
    "tcp-refused": (
        "The server {target} refused the connection: nothing listens on this port, or a firewall rejects it.",
        (
            "Check address and port. If they are right, ask whether the server is up and the firewall "
            "lets you through."
        ),
    ),
    "tcp-timeout": (
        "The server {target} did not answer in time.",
        "Check address and port, and that the firewall lets the appliance reach them, or use a proxy.",
    ),
    "tcp-unreachable": (
        "There is no route to {target}.",
        "Check the appliance's network cable, address and gateway, and the server's address.",
    ),
    "tcp-blocked": (
        "The appliance's own firewall forbids the connection to {target}.",
        "Allow outgoing connections to this address and port on the appliance.",
    ),
    "local-resources": (
        "The appliance has no room for another connection (open files or memory).",
        "Restart the agent. If it comes back, make a diagnostics bundle and contact support.",
    ),
    # --- proxy
    "proxy-host-unknown": (
        "The proxy's name {peer_host} is not known to the appliance's name servers.",
        "Check the proxy's name and the appliance's name servers, or enter the proxy's IP address.",
    ),
    "proxy-no-resolver": (
        "No name server answered when the appliance asked for the proxy {peer_host}.",
        _NAME_SERVERS,
    ),
    "proxy-refused": (
        "The proxy {proxy} refused the connection: nothing listens on this port, or a firewall rejects it.",
        f"{_PROXY_FIELDS}, and that the proxy is running.",
    ),
    "proxy-timeout": (
        "The proxy {proxy} did not answer in time.",
        f"{_PROXY_FIELDS}, and that the firewall lets the appliance reach the proxy.",
    ),
    "proxy-unreachable": (
        "There is no route to the proxy {proxy}.",
        "Check the appliance's network cable, address and gateway, and the proxy's address.",
    ),
    "proxy-blocked": (
        "The appliance's own firewall forbids the connection to the proxy {proxy}.",
        "Allow outgoing connections to this address and port on the appliance.",
    ),
    "proxy-closed": (
        "The proxy {proxy} closed the connection without an answer.",
        f"{_PROXY_FIELDS}: a proxy of another type closes like this. Otherwise {_ADMIN}.",
    ),
    "proxy-silent": (
        "The proxy {proxy} took the connection and gave no answer about {target} in time.",
        (
            f"{_PROXY_FIELDS}. The proxy may also be waiting for {{target}} itself: {_ADMIN} whether it "
            "can reach it."
        ),
    ),
    "proxy-not-spoken": (
        "What answers at {proxy} is no proxy of the chosen type.",
        f"{_PROXY_FIELDS}.",
    ),
    "proxy-no-connect": (
        "The server at {proxy} does not pass connections on (it knows no CONNECT).",
        f"{_PROXY_FIELDS}: this may be a web server, not a proxy. Otherwise {_ADMIN} to allow CONNECT.",
    ),
    "proxy-request-refused": (
        "The proxy {proxy} refused the request for {target}, in a way that says nothing of the reason.",
        f"Please {_ADMIN} what its log says about the request.",
    ),
    "proxy-busy": (
        "The proxy {proxy} is busy and asks to come back later.",
        f"Nothing to do: the appliance tries again by itself. If it stays, {_ADMIN} about its limits.",
    ),
    "proxy-slow": (
        "The proxy {proxy} waited too long for the appliance's request and gave up.",
        f"The line to the proxy may be slow or lose data: check it, and {_ADMIN} how long it waits.",
    ),
    "proxy-tls-not-spoken": (
        "The proxy {proxy} does not speak TLS on this port.",
        "Choose proxy type HTTP on the Proxy Settings screen, or enter the port for HTTPS.",
    ),
    "proxy-auth": (
        "The proxy {proxy} did not accept the user name and password, or wants some and has none.",
        "Enter the proxy's user name and password on the Proxy Settings screen.",
    ),
    "proxy-auth-method": (
        "The proxy {proxy} wants a way of logging on that this appliance does not know.",
        f"Please {_ADMIN} to allow Basic authentication, or to let the appliance through without a password.",
    ),
    "proxy-credentials-length": (
        "A SOCKS5 proxy takes user names and passwords of at most 255 bytes.",
        "Use a shorter user name and password for the proxy, or an HTTP proxy.",
    ),
    "proxy-forbidden": (
        "The proxy {proxy} forbids the connection to {target}.",
        f"Please {_ADMIN} to allow {{host}} on port {{port}}. Many proxies allow CONNECT to port 443 only.",
    ),
    "proxy-captive": (
        "The proxy {proxy} answered with a web page to visit instead of connecting to {target}.",
        f"A portal wants a person to log on first. Please {_ADMIN} to let the appliance pass without it.",
    ),
    "proxy-name-unknown": (
        "The proxy {proxy} cannot find {host}: it does not know the name.",
        (
            f"Check the server's name. If it is right, {_ADMIN} which names it can look up, or enter the "
            "IP address."
        ),
    ),
    "proxy-target-refused": (
        "The proxy {proxy} tried {target} and was refused there.",
        "Check the server's address and port. If they are right, ask whether the server is up.",
    ),
    "proxy-target-unreachable": (
        "The proxy {proxy} finds no way to {target}.",
        f"Check the server's address. If it is right, {_ADMIN} whether it can reach it.",
    ),
    "proxy-target-timeout": (
        "The proxy {proxy} got no answer from {target} in time.",
        (
            f"Check the server's address and port. If they are right, {_ADMIN} whether a firewall stands "
            "between."
        ),
    ),
    "proxy-target-failed": (
        (
            "The proxy {proxy} could not connect to {target}; "
            "it does not say whether the name, the address or the port is wrong."
        ),
        f"Check the server's name and port. If they are right, {_ADMIN} what its log says.",
    ),
    "proxy-socks4-rejected": (
        "The SOCKS4 proxy {proxy} rejected the connection to {target}; SOCKS4 gives no reasons.",
        (
            "Check the server's address and port; enter an IP address if the proxy looks up no names. "
            f"Otherwise {_ADMIN}."
        ),
    ),
    "proxy-socks4-no-resolver": (
        (
            "The SOCKS4 proxy {proxy} takes no names, and no name server answered when the appliance asked "
            "for {host}."
        ),
        (
            "Check the appliance's name servers, or enter the server's IPv4 address, or use a SOCKS5 or HTTP "
            "proxy."
        ),
    ),
    "proxy-socks4-ipv6": (
        "A SOCKS4 proxy cannot reach the IPv6 address {host}.",
        "Enter the server's IPv4 address or name, or use a SOCKS5 or HTTP proxy.",
    ),
}
