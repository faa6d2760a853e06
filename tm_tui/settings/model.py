"""The settings as one frozen model (settings.toml, schema 1). Its docstrings are the help of the fields."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from tm_tui.errors import Problem, SettingsRefused
from tm_tui.settings.plain import DEFAULT_PORTS, SECRET_NAMES
from tm_tui.settings.problems import problems_of
from tm_tui.settings.types import (
    CaFile,
    Days,
    Email,
    HeartbeatSeconds,
    Host,
    IdleMinutes,
    Interval,
    Kbps,
    Mib,
    Password,
    Port,
    TrialMinutes,
    TypedPassword,
    UserName,
    is_ip_address,
    refusal,
)

__all__ = [
    "ConsoleSettings",
    "LogServer",
    "Part",
    "PatternSettings",
    "ProxySettings",
    "Secrets",
    "Settings",
    "SpoolSettings",
    "StatusServer",
    "TmspSettings",
    "TrustSettings",
    "missing_secrets",
    "problems_of",
]

_SOCKS5_LIMIT = 255


class Part(BaseModel):
    """A frozen piece of the settings. Unknown keys are refused; errors never repeat what was typed."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        validate_default=True,
    )


def _wrong(*line_errors: tuple[tuple[str, ...], str, str]) -> ValidationError:
    """Errors of a rule between fields, each at the field that an admin would change."""
    details = [
        InitErrorDetails(type=refusal("rule", cause, remedy), loc=path, input=None)
        for path, cause, remedy in line_errors
    ]
    return ValidationError.from_exception_data("settings", details, hide_input=True)


def _with_default_port(data: Any, kind: str, fallback: str) -> Any:
    if isinstance(data, Mapping) and data.get("port") is None:
        port = DEFAULT_PORTS.get(str(data.get(kind, fallback)), DEFAULT_PORTS[fallback])
        return {**data, "port": port}
    return data


class LogServer(Part):
    """The host that takes threat event logs and root cause logs."""

    host: Host = Field("", title="Log server")
    """IP address or host name of the log server, as your support provider gave it."""
    protocol: Literal["ssh", "ssl"] = Field("ssh", title="Protocol")
    """How logs travel: SSH (file transfer, port 22) or SSL (HTTPS, port 443)."""
    port: Port = Field(22, title="Log server port")
    """Port of the log server, 22 for SSH and 443 for SSL unless your provider says otherwise."""
    interval: Interval = Field("1h", title="Send logs every")
    """How often waiting logs are sent to the log server."""

    @model_validator(mode="before")
    @classmethod
    def _default_port(cls, data: Any) -> Any:
        return _with_default_port(data, "protocol", "ssh")


class StatusServer(Part):
    """The host that takes heartbeats and cases, and gives patterns and reports."""

    host: Host = Field("", title="Status server")
    """IP address or host name of the status server, as your support provider gave it."""
    port: Port = Field(443, title="Status server port")
    """Port of the status server, usually 443."""
    upload_kbps: Kbps = Field(0, title="Upload limit KB/s")
    """Most kilobytes (1000 bytes) a second to send to the status server; 0 sets no limit."""
    download_kbps: Kbps = Field(0, title="Download limit KB/s")
    """Most kilobytes (1000 bytes) a second to fetch from the status server; 0 sets no limit."""


class TmspSettings(Part):
    """Registration of this appliance to the Threat Management Services Portal."""

    enabled: bool = Field(default=False, title="Send logs and data to TMSP")
    """Registers this appliance with the Threat Management Services Portal and keeps it registered."""
    edition: Literal["hosted", "on-premise"] = Field("hosted", title="Edition")
    """Hosted: addresses or names from your support provider. On-premise: IP addresses of your own portal."""
    username: UserName = Field("", title="User name")
    """The account's "registering products" user name, not the one you log on to the portal with."""
    email: Email = Field("", title="E-mail")
    """Registration e-mail, for reference only; your own address is best."""
    heartbeat_seconds: HeartbeatSeconds = Field(300, title="Heartbeat every (s)")
    """Seconds between two heartbeats, 5 to 28800."""
    log_server: LogServer = LogServer()
    status_server: StatusServer = StatusServer()

    @model_validator(mode="after")
    def _rules(self) -> Self:
        wrong: list[tuple[tuple[str, ...], str, str]] = []
        servers = (("log_server", self.log_server.host), ("status_server", self.status_server.host))
        for name, host in servers:
            if host and self.edition == "on-premise" and not is_ip_address(host):
                remedy = "Enter the portal's IP address, or choose the hosted edition."
                wrong.append(((name, "host"), "The on-premise edition takes an IP address, no name.", remedy))
            if self.enabled and not host:
                remedy = "Enter it, or switch off sending to TMSP."
                wrong.append(((name, "host"), "The address is missing.", remedy))
        if self.enabled and not self.username:
            remedy = 'Enter the "registering products" user name, or switch off sending to TMSP.'
            wrong.insert(0, (("username",), "The user name is missing.", remedy))
        if wrong:
            raise _wrong(*wrong)
        return self


class ProxySettings(Part):
    """The proxy between this appliance and TMSP, used for log server and status server."""

    enabled: bool = Field(default=False, title="Use a proxy")
    """Switch on when the appliance cannot reach TMSP directly."""
    type: Literal["http", "https", "socks4", "socks5"] = Field("http", title="Proxy type")
    """HTTP and HTTPS proxies are used by CONNECT; many allow it to port 443 only, which stops SSH on 22."""
    host: Host = Field("", title="Proxy")
    """IP address or name of the proxy."""
    port: Port = Field(8080, title="Proxy port")
    """Port of the proxy, usually 8080 or 3128; 1080 for SOCKS."""
    username: UserName = Field("", title="Proxy user name")
    """Only if the proxy asks for one; SOCKS4 knows none."""

    @model_validator(mode="before")
    @classmethod
    def _default_port(cls, data: Any) -> Any:
        return _with_default_port(data, "type", "http")

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.enabled and not self.host:
            raise _wrong((("host",), "The address is missing.", "Enter it, or switch the proxy off."))
        if self.type == "socks4" and self.username:
            remedy = "Leave the user name empty, or choose SOCKS5."
            raise _wrong((("username",), "SOCKS4 knows no user names.", remedy))
        return self


class TrustSettings(Part):
    """Whom the appliance believes, beside the authorities of the system."""

    ca_file: CaFile = Field("", title="CA file", max_length=4096)
    """Path of a PEM file with authorities to trust as well, such as your portal's; read when you save."""


class ConsoleSettings(Part):
    """How the console behaves towards those who sit before it."""

    idle_minutes: IdleMinutes = Field(15, title="Log out after")
    """Minutes without a key after which the console logs out, 1 to 480; 0 never. What was typed is kept."""
    trial_minutes: TrialMinutes = Field(10, title="Trial lasts")
    """Minutes, 1 to 120, after which settings saved on trial are taken back unless they are confirmed."""


class SpoolSettings(Part):
    """How much may wait for the log server. Full, the queue takes no more events; it never drops any."""

    max_mib: Mib = Field(1024, title="Most MiB to wait")
    """Disk that waiting logs may take, 16 to 16384 MiB. What waits already stays, also above a new limit."""
    max_days: Days = Field(14, title="Most days to wait")
    """When the oldest log has waited so long (1 to 365 days), no more are taken until it is delivered."""


class PatternSettings(Part):
    """Custom patterns that TMSP gives this appliance."""

    deploy: Literal["automatic", "manual"] = Field("manual", title="Deploy patterns")
    """Manual: an admin deploys a pattern. Automatic: the newest one goes to all unresolved endpoints."""


class Settings(Part):
    """All that an admin decides. The passwords are apart, in `Secrets`."""

    schema_: Literal[1] = Field(1, alias="schema")
    tmsp: TmspSettings = TmspSettings()
    proxy: ProxySettings = ProxySettings()
    trust: TrustSettings = TrustSettings()
    console: ConsoleSettings = ConsoleSettings()
    spool: SpoolSettings = SpoolSettings()
    patterns: PatternSettings = PatternSettings()

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Settings":
        """Check a nested mapping as from settings.toml. Raises SettingsRefused with every problem found."""
        schema = data.get("schema")
        if isinstance(schema, int) and schema > 1:
            cause = f"These settings are of schema {min(schema, 9999)}, of a newer version of tm-tui."
            raise SettingsRefused((Problem("schema", cause, "Write them for schema 1, or update tm-tui."),))
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise SettingsRefused(problems_of(error)) from None

    def plain(self) -> dict[str, Any]:
        """The nested mapping that settings.toml and JSON hold."""
        return self.model_dump(mode="json", by_alias=True)


class Secrets(Part):
    """The passwords, as secrets.json holds them. None: never set."""

    tmsp: Password | None = None
    proxy: Password | None = None

    def names(self) -> frozenset[str]:
        """Which passwords are set."""
        return frozenset(name for name in SECRET_NAMES if getattr(self, name) is not None)

    def changed(self, changes: Mapping[str, SecretStr | None]) -> "Secrets":
        """Apply changes by name: None leaves a password as it is, an empty one removes it.

        Raises SettingsRefused for `tmsp.password` and `proxy.password`.
        """
        kept = {"tmsp": self.tmsp, "proxy": self.proxy}
        given = {name: secret for name, secret in changes.items() if secret is not None}
        typed = {name: secret for name, secret in given.items() if secret.get_secret_value()}
        try:
            _Typed.model_validate(typed)
            return Secrets.model_validate(kept | dict.fromkeys(given) | typed)
        except ValidationError as error:
            found = (replace(problem, field=f"{problem.field}.password") for problem in problems_of(error))
            raise SettingsRefused(tuple(found)) from None


class _Typed(Part):
    """Passwords as they come in. What is saved already may be older than these rules."""

    tmsp: TypedPassword | None = None
    proxy: TypedPassword | None = None


def missing_secrets(
    settings: Settings, names: frozenset[str], proxy_password: SecretStr | None
) -> tuple[Problem, ...]:
    """Problems between the settings and the passwords that are set (`names`); empty when all is there."""
    found = []
    if settings.tmsp.enabled and "tmsp" not in names:
        remedy = 'Enter the "registering products" password, or switch off sending to TMSP.'
        found.append(Problem("tmsp.password", "The password is missing.", remedy))
    size = len(proxy_password.get_secret_value().encode()) if proxy_password else 0
    if settings.proxy.type == "socks5" and size > _SOCKS5_LIMIT:
        cause = f"SOCKS5 takes passwords up to {_SOCKS5_LIMIT} bytes (RFC 1929)."
        found.append(Problem("proxy.password", cause, "Enter a shorter one, or use an HTTP proxy."))
    return tuple(found)
