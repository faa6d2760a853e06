"""nginx as a stock log server (DAV PUT, Basic authentication, TLS), and as servers with bad certificates."""

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers.certificates import Certificates
from servers.process import daemon, folder, program

USER, PASSWORD = "registering products ü", "pa#ss/%:@ wörd€"

CONFIG = """
daemon off; master_process off; worker_processes 1;
error_log {base}/error.log info; pid {base}/pid;
events {{ worker_connections 64; }}
http {{
  log_format seen '$server_port $request_method $uri $status [$http_authorization]';
  access_log {base}/access.log seen;
  client_body_temp_path {base}/t1; proxy_temp_path {base}/t2; fastcgi_temp_path {base}/t3;
  uwsgi_temp_path {base}/t4; scgi_temp_path {base}/t5;
  server {{
    listen 127.0.0.1:{good} ssl; root {base}/www;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    location /logs/ {{
      auth_basic "TMSP"; auth_basic_user_file {base}/users;
      dav_methods PUT DELETE; create_full_put_path on; client_max_body_size 64m;
    }}
    location /small/ {{ dav_methods PUT; client_max_body_size 1k; }}
    location /busy {{ add_header Retry-After 7 always; return 429; }}
    {statuses}
    location /moved {{ return 302 https://portal.example.com/login; }}
    location /squeezed {{ add_header Content-Encoding gzip always; return 200 "x"; }}
    location /large {{ }}
  }}
  server {{ listen 127.0.0.1:{plain}; }}
  server {{
    listen 127.0.0.1:{client} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_client_certificate {ca}; ssl_verify_client on;
  }}
  server {{
    listen 127.0.0.1:{old} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_protocols TLSv1 TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;
  }}
  server {{
    listen 127.0.0.1:{unsafe} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_protocols TLSv1.2; ssl_ciphers aNULL:@SECLEVEL=0;
  }}
  server {{ listen 127.0.0.1:{disowning} ssl; ssl_reject_handshake on; }}
{others}
}}
"""
STATUSES = (301, 400, 401, 403, 404, 405, 407, 409, 418, 429, 500, 502, 503, 507, 511)
OTHER = "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; }}"


@dataclass(frozen=True)
class Web:
    """A running nginx: its ports, and what it saw."""

    port: int
    plain_port: int
    client_certificate_port: int
    old_tls_port: int
    unsafe_cipher_port: int
    disowning_port: int
    bad_ports: dict[str, int]
    root: Path
    seen_file: Path

    def seen(self, port: int) -> list[str]:
        """The requests that reached one port: `METHOD /path STATUS [authorization]`."""
        lines = self.seen_file.read_text().splitlines()
        return [line.partition(" ")[2] for line in lines if line.startswith(f"{port} ")]


@contextlib.contextmanager
def nginx(certificates: Certificates) -> Iterator[Web]:
    """Run nginx with a good server, one without TLS, one that wants client certificates, and the bad ones."""
    with folder("nginx") as base:
        (base / "www").mkdir()
        (base / "www" / "large").write_bytes(b"x" * 3_000_000)
        (base / "users").write_text(
            f"{USER}:{{SHA}}{base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()}\n"
        )
        config = base / "nginx.conf"
        bad = certificates.bad

        def command(ports: list[int]) -> list[str]:
            others = "\n".join(
                OTHER.format(port=port, certificate=pair.certificate, key=pair.key)
                for port, pair in zip(ports[6:], bad.values(), strict=False)
            )
            text = CONFIG.format(
                base=base,
                good=ports[0],
                plain=ports[1],
                client=ports[2],
                old=ports[3],
                unsafe=ports[4],
                disowning=ports[5],
                certificate=certificates.good.certificate,
                key=certificates.good.key,
                ca=certificates.ca_file,
                others=others,
                statuses="\n    ".join(f"location = /status/{n} {{ return {n}; }}" for n in STATUSES),
            )
            config.write_text(f"user root;\n{text}")
            return [program("nginx"), "-p", str(base), "-e", str(base / "error.log"), "-c", str(config)]

        with daemon(command, 6 + len(bad), base / "out.log") as ports:
            yield Web(*ports[:6], dict(zip(bad, ports[6:], strict=True)), base / "www", base / "access.log")
