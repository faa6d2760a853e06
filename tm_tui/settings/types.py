"""The rules of each kind of field, once: the form, the CLI and the control socket all end up here."""

import ipaddress
import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from tm_tui.settings.signs import NOT_READ, unwanted_sign

__all__ = [
    "INTERVALS",
    "CaFile",
    "Days",
    "Email",
    "Host",
    "IdleMinutes",
    "Interval",
    "Kbps",
    "Mib",
    "Password",
    "Port",
    "TrialMinutes",
    "TypedPassword",
    "UserName",
    "interval_seconds",
    "is_ip_address",
    "refusal",
]

INTERVALS = {"5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "6h": 21600, "12h": 43200, "24h": 86400}
"""The seven intervals of the product, in seconds."""

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NUMBERLIKE = re.compile(r"[0-9]+|0x[0-9a-f]*")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,7}")
_LAB_INTERVAL = re.compile(r"([1-9][0-9]{0,4})s")
_HOST_LIMIT = 253
_HOST_REMEDY = "Enter an IP address such as 192.0.2.10 or 2001:db8::10, or a name such as tmsp.example.com."


def refusal(kind: str, cause: str, remedy: str) -> PydanticCustomError:
    """Make the error that `problems_of` later reads back: `kind` is a stable word for the broken rule."""
    return PydanticCustomError(kind, "{cause} {remedy}", {"cause": cause, "remedy": remedy})


def is_ip_address(host: str) -> bool:
    """Tell a checked host: an IP address, or a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _usable(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    inner = getattr(address, "ipv4_mapped", None) or address
    if inner.is_unspecified or inner.is_multicast or inner == ipaddress.IPv4Address(0xFFFFFFFF):
        raise refusal(
            "host", f"{address} is no address of a single server.", "Enter the server's own address."
        )
    return str(address)


def _check_name(text: str) -> str:
    name = text.removesuffix(".")
    name = name.lower() if text == unicodedata.normalize("NFC", text) else name
    if any(not label for label in name.split(".")):
        raise refusal("host", "The name has an empty part.", _HOST_REMEDY)
    if not name.isascii() or "xn--" in name:
        import idna  # large tables, and names in other alphabets are rare

        try:
            name = idna.encode(name, strict=True).decode("ascii")
        except idna.IDNAError:
            raise refusal("host", "This is no valid international name (IDNA 2008).", _HOST_REMEDY) from None
    labels = name.split(".")
    if len(name) > _HOST_LIMIT:
        raise refusal("host", f"The name is longer than {_HOST_LIMIT} characters.", _HOST_REMEDY)
    if any(not _LABEL.fullmatch(label) for label in labels):
        cause = "Each part of a name has 1 to 63 letters, digits or inner hyphens."
        raise refusal("host", cause, _HOST_REMEDY)
    if _NUMBERLIKE.fullmatch(labels[-1]):
        cause = "This is neither a whole IP address nor a name."
        raise refusal("host", cause, "Write all four numbers, decimal and without leading zeros: 192.0.2.10.")
    return name


def _check_host(text: str) -> str:
    if not text:
        return ""
    if len(text) > _HOST_LIMIT + 2:
        raise refusal("host", f"The name is longer than {_HOST_LIMIT} characters.", _HOST_REMEDY)
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"} or c.isspace() for c in text):
        raise refusal("host", "There is a space or an invisible character in it.", _HOST_REMEDY)
    if "://" in text or "/" in text:
        raise refusal("host", "This is a URL.", "Enter the host alone, without scheme and path.")
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare:
        if "%" in bare:
            raise refusal("host", "An address with a zone (%) works on this machine only.", _HOST_REMEDY)
        try:
            return _usable(ipaddress.IPv6Address(bare))
        except ipaddress.AddressValueError:
            cause = "This is no IPv6 address, and a port does not belong here."
            raise refusal("host", cause, "Enter the host alone; the port has a field of its own.") from None
    try:
        return _usable(ipaddress.IPv4Address(text))
    except ipaddress.AddressValueError:
        return _check_name(text)


def _whole_number(value: Any, low: int, high: int) -> int | None:
    """Read an int, or plain digits without sign or leading zero; None if it is neither or out of range."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if low <= value <= high else None


def _check_port(value: Any) -> int:
    port = _whole_number(value, 1, 65535)
    if port is None:
        raise refusal("port", "This is no port.", "Enter a whole number from 1 to 65535.")
    return port


def _check_kbps(value: Any) -> int:
    kbps = _whole_number(value, 0, 99_999_999)
    if kbps is None:
        cause = "This is no whole number of kilobytes a second."
        raise refusal("kbps", cause, "Enter digits only, without a unit, up to 99999999; 0 sets no limit.")
    return kbps


def _check_seconds(value: Any) -> int:
    seconds = _whole_number(value, 5, 28800)
    if seconds is None:
        cause = "This is no heartbeat interval."
        raise refusal("seconds", cause, "Enter a whole number of seconds from 5 to 28800.")
    return seconds


def _check_idle_minutes(value: Any) -> int:
    minutes = _whole_number(value, 0, 480)
    if minutes is None:
        remedy = "Enter whole minutes up to 480, a working day; 0 never logs out."
        raise refusal("idle_minutes", "This is no length of time without a key.", remedy)
    return minutes


def _check_trial_minutes(value: Any) -> int:
    minutes = _whole_number(value, 1, 120)
    if minutes is None:
        cause = "This is no length of a trial."
        remedy = "Enter whole minutes from 1 to 120: an appliance must not stay out of reach for longer."
        raise refusal("trial_minutes", cause, remedy)
    return minutes


def _check_mib(value: Any) -> int:
    mib = _whole_number(value, 16, 16384)
    if mib is None:
        cause = "This is no limit of the log queue in MiB."
        raise refusal(
            "mib", cause, "Enter a whole number from 16 (room for a few batches) to 16384 (16 GiB)."
        )
    return mib


def _check_days(value: Any) -> int:
    days = _whole_number(value, 1, 365)
    if days is None:
        cause = "This is no number of days that logs may wait."
        raise refusal("days", cause, "Enter a whole number from 1 (a server's bad night) to 365 (a year).")
    return days


def interval_seconds(interval: str) -> int:
    """Seconds of a checked interval such as `1h`, or `30s` in a lab."""
    return INTERVALS.get(interval) or int(interval.removesuffix("s"))


def _check_interval(value: str) -> str:
    if value in INTERVALS:
        return value
    lab = _LAB_INTERVAL.fullmatch(value)
    if not lab or int(lab[1]) > 86400:
        raise refusal("interval", "This is no sending interval.", f"Choose one of {', '.join(INTERVALS)}.")
    return value


def _check_email(text: str) -> str:
    if not text:
        return ""
    if NOT_READ in text:
        raise refusal("email", unwanted_sign(NOT_READ), "Type it again.")
    import email_validator

    try:
        checked = email_validator.validate_email(
            text, check_deliverability=False, strict=True, test_environment=True
        )
    except email_validator.EmailNotValidError:
        cause = "This is no e-mail address."
        raise refusal(
            "email", cause, "Enter an address such as admin@example.com, or leave it empty."
        ) from None
    return checked.normalized


def _check_user_name(text: str) -> str:
    if ":" in text:
        cause = "A user name cannot hold a colon (RFC 7617)."
        raise refusal("username", cause, "Enter the name as your support provider gave it.")
    if len(text.encode("utf-8", "replace")) > 255:
        raise refusal("username", "The user name is longer than 255 bytes.", "Enter a shorter one.")
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in text) or text != text.strip():
        cause = "There is an invisible character, or a space at an end."
        raise refusal("username", cause, "Enter the name as your support provider gave it.")
    if NOT_READ in text:
        remedy = "Enter the name as your support provider gave it."
        raise refusal("username", unwanted_sign(NOT_READ), remedy)
    return text


def _check_password(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise refusal("password", "The password is not valid Unicode text.", "Type it again.") from None
    if size > 1024:
        raise refusal("password", "The password is longer than 1024 bytes.", "Enter a shorter one.")
    return secret


def _check_typed_password(secret: SecretStr) -> SecretStr:
    if cause := unwanted_sign(secret.get_secret_value()):
        raise refusal("password", cause, "Type the password again.")
    return secret


def _check_ca_file(path: str) -> str:
    if not path:
        return ""
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in path):
        raise refusal("ca_file", "There is an invisible character in the path.", "Type it again.")
    if NOT_READ in path:
        raise refusal("ca_file", unwanted_sign(NOT_READ), "Type it again.")
    if not path.startswith("/"):
        cause = "The path does not start at the root."
        raise refusal("ca_file", cause, "Enter the whole path, such as /etc/ssl/portal-ca.pem.")
    return path


Host = Annotated[str, AfterValidator(_check_host)]
"""An IPv4 or IPv6 address without brackets, a name as A-labels, or empty."""
Port = Annotated[int, BeforeValidator(_check_port, json_schema_input_type=int), Field(ge=1, le=65535)]
Kbps = Annotated[int, BeforeValidator(_check_kbps, json_schema_input_type=int), Field(ge=0, le=99_999_999)]
"""Kilobytes (1000 bytes) a second; 0 is no limit."""
HeartbeatSeconds = Annotated[
    int, BeforeValidator(_check_seconds, json_schema_input_type=int), Field(ge=5, le=28800)
]
IdleMinutes = Annotated[
    int, BeforeValidator(_check_idle_minutes, json_schema_input_type=int), Field(ge=0, le=480)
]
"""0 is never."""
TrialMinutes = Annotated[
    int, BeforeValidator(_check_trial_minutes, json_schema_input_type=int), Field(ge=1, le=120)
]
"""Long enough for a beat to come through, short enough to wait for when the way in is lost."""
Mib = Annotated[int, BeforeValidator(_check_mib, json_schema_input_type=int), Field(ge=16, le=16384)]
"""MiB (1,048,576 bytes) of disk."""
Days = Annotated[int, BeforeValidator(_check_days, json_schema_input_type=int), Field(ge=1, le=365)]
Interval = Annotated[str, AfterValidator(_check_interval)]
CaFile = Annotated[str, AfterValidator(_check_ca_file)]
"""The absolute path of a PEM file, or empty."""
Email = Annotated[str, AfterValidator(_check_email)]
UserName = Annotated[str, AfterValidator(_check_user_name)]
Password = Annotated[SecretStr, AfterValidator(_check_password)]
"""Never stripped, never normalised, at most 1024 bytes of UTF-8."""
TypedPassword = Annotated[Password, AfterValidator(_check_typed_password)]
"""A new one: exactly what was typed, or refused."""
