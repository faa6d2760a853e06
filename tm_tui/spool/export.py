"""The queue in the formats that log collectors read: CEF, LEEF (tab-separated) and CSV.

Sources: ArcSight Common Event Format, revision 26 (CEF:0) and its dictionary; IBM QRadar LEEF 2.0; RFC 4180.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Literal, NamedTuple

from tm_tui import __version__

__all__ = ["CSV_COLUMNS", "Format", "Writer", "to_cef", "to_csv", "to_leef", "writer_for"]

Format = Literal["ndjson", "cef", "leef", "csv"]
Event = Mapping[str, Any]

_VENDOR, _PRODUCT = "TMSP", "Threat Mitigator"
_SEVERITIES = {"low": 3, "medium": 5, "high": 8, "critical": 10}
_ROOT_CAUSE_SEVERITY = 5
_FORMULA = ("=", "+", "-", "@")

_CRLF = "\r\n"

CSV_COLUMNS = (
    *("seq", "id", "kind", "time", "hostname", "ip", "mac", "event_type", "source", "status"),
    *("threat_name", "severity", "threat_event_id", "chain"),
)
"""The first line of a CSV export."""


def _flat(event: Event) -> dict[str, str]:
    """One value a column, empty where the event has none."""
    endpoint, threat = event["endpoint"], event.get("threat", {})
    plain = {name: event.get(name) for name in CSV_COLUMNS[:10]} | {
        "hostname": endpoint["hostname"],
        "ip": endpoint.get("ip"),
        "mac": endpoint.get("mac"),
        "threat_name": threat.get("name"),
        "severity": threat.get("severity"),
        "threat_event_id": event.get("threat_event_id"),
        "chain": _chain(event),
    }
    return {name: "" if value is None else str(value) for name, value in plain.items()}


def _chain(event: Event) -> str | None:
    chain = event.get("chain")
    return json.dumps(chain, ensure_ascii=False, separators=(",", ":")) if chain else None


def _named(event: Event) -> tuple[str, str, int]:
    """Signature, name and severity of an event, as both header formats want them."""
    if event["kind"] == "root-cause":
        return "root-cause", "Root cause", _ROOT_CAUSE_SEVERITY
    return event["event_type"], event["threat"]["name"], _SEVERITIES[event["threat"]["severity"]]


def _epoch_ms(text: str) -> str:
    """Milliseconds since 1970; empty for a time of a form that intake took in earlier versions."""
    try:
        return str(round(datetime.fromisoformat(text).timestamp() * 1000))
    except (ValueError, OverflowError):
        return ""


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")


def _header(text: str) -> str:
    return _one_line(text).replace("\\", "\\\\").replace("|", "\\|")


def _cef_value(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("=", "\\=")
    return escaped.replace("\r", "\\r").replace("\n", "\\n")


def to_cef(event: Event) -> str:
    r"""One line of CEF. In the header `\` and `|` are escaped, in values `\`, `=` and line ends."""
    signature, name, severity = _named(event)
    flat = _flat(event)
    fields = {
        "rt": _epoch_ms(event["time"]),
        "externalId": flat["id"],
        "shost": flat["hostname"],
        **_cef_address(flat["ip"]),
        "smac": flat["mac"].replace("-", ":"),
        "cat": flat["event_type"],
        "act": flat["status"],
        **_labelled(1, "source", flat["source"]),
        **_labelled(2, "threat", flat["threat_name"]),
        **_labelled(3, "threatEventId", flat["threat_event_id"]),
        **_labelled(4, "chain", flat["chain"]),
        "cn1": flat["seq"],
        "cn1Label": "seq",
    }
    head = "|".join(
        ("CEF:0", _VENDOR, _PRODUCT, __version__, _header(signature), _header(name), str(severity))
    )
    return f"{head}|{' '.join(f'{key}={_cef_value(value)}' for key, value in fields.items() if value)}"


def _cef_address(text: str) -> dict[str, str]:
    """The source's address under its key in the dictionary: `src` is for IPv4 alone, `c6a2` for IPv6."""
    try:
        version = ip_address(text).version
    except ValueError:  # intake looks at an address's characters only
        return _labelled(5, "ip", text)
    return {"src": text} if version == 4 else {"c6a2": text, "c6a2Label": "Source IPv6 Address"}


def _labelled(number: int, label: str, value: str) -> dict[str, str]:
    return {f"cs{number}": value, f"cs{number}Label": label} if value else {}


def to_leef(event: Event) -> str:
    """One line of LEEF 2.0, tab-separated.

    LEEF knows no escape in values: tabs and line ends become spaces.
    """
    signature, name, severity = _named(event)
    flat = _flat(event)
    fields = {
        "devTime": _epoch_ms(event["time"]),
        "sev": str(severity),
        "cat": flat["kind"],
        "identHostName": flat["hostname"],
        "src": flat["ip"],
        "srcMAC": flat["mac"],
        "threat": name if flat["threat_name"] else "",
        **{
            key: flat[key]
            for key in ("id", "seq", "source", "status", "severity", "threat_event_id", "chain")
        },
    }
    head = "|".join(("LEEF:2.0", _VENDOR, _PRODUCT, __version__, _header(signature), "x09"))
    values = (f"{key}={_one_line(value).replace(chr(9), ' ')}" for key, value in fields.items() if value)
    return f"{head}|" + "\t".join(values)


def to_csv(event: Event) -> str:
    """One record of CSV (RFC 4180). What a spreadsheet would take for a formula gets a `'` in front."""
    flat = _flat(event)
    cells = (flat[name] for name in CSV_COLUMNS)
    return _csv_record([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])


def _csv_record(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator=_CRLF).writerow(cells)  # which decides also what is quoted
    return line.getvalue().removesuffix(_CRLF)


class Writer(NamedTuple):
    """What writes a format: its first line, if it has one, each event, and what ends a line."""

    first: str | None
    line: Callable[[bytes], str]
    """Takes one of the spool's lines."""
    end: str = "\n"


def writer_for(form: Format) -> Writer:
    """What writes this format."""
    if form == "ndjson":
        return Writer(None, lambda line: line.decode())
    if form == "csv":
        return Writer(_csv_record(list(CSV_COLUMNS)), lambda line: to_csv(json.loads(line)), _CRLF)
    make = to_cef if form == "cef" else to_leef
    return Writer(None, lambda line: make(json.loads(line)))
