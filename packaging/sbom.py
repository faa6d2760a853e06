"""The bill of materials: CycloneDX 1.6 JSON of the pinned list, with the hashes that pip checks."""

import json
import re
import sys
import uuid
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\]+?))?\s*\\?$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(pinned: str, libraries: Path | None) -> list[dict[str, Any]]:
    """One component a pin that is installed in `libraries` (all of them without it), in the list's order."""
    found: list[dict[str, Any]] = []
    for line in pinned.splitlines():
        if pin := _PIN.match(line.strip()):
            name, version = pin[1].lower(), pin[2]
            reference = f"pkg:pypi/{name}@{version}"
            found.append(
                {"type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference}
            )
        elif hashed := _HASH.search(line):
            external = found[-1].setdefault(
                "externalReferences", [{"type": "distribution", "url": found[-1]["purl"]}]
            )
            external[0].setdefault("hashes", []).append({"alg": "SHA-256", "content": hashed[1]})
    if libraries is None:
        return found
    installed = _metadata(libraries)
    return [one | _licence(installed[one["name"]]) for one in found if one["name"] in installed]


def _metadata(libraries: Path) -> dict[str, Any]:
    texts = (path.read_text() for path in sorted(libraries.glob("*.dist-info/METADATA")))
    headers = (HeaderParser().parsestr(text) for text in texts)
    return {re.sub(r"[-_.]+", "-", header["Name"]).lower(): header for header in headers}


def _licence(header: Any) -> dict[str, Any]:
    if expression := header.get("License-Expression"):
        return {"licenses": [{"expression": expression}]}
    named = [text for text in header.get_all("Classifier", []) if text.startswith("License ::")]
    name = named[0].rpartition(":: ")[2] if named else (header.get("License") or "").split("\n")[0]
    return {"licenses": [{"license": {"name": name}}]} if name else {}


def bill(version: str, pinned: str, libraries: Path | None, moment: str) -> str:
    """The whole document. The same input gives the same text, its serial number too."""
    parts = components(pinned, libraries)
    product = {
        "type": "application",
        "bom-ref": f"pkg:pypi/tm-tui@{version}",
        "name": "tm-tui",
        "version": version,
        "purl": f"pkg:pypi/tm-tui@{version}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    document: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([version, parts]))}",
        "version": 1,
        "metadata": {"timestamp": moment, "component": product},
        "components": parts,
        "dependencies": [{"ref": product["bom-ref"], "dependsOn": [part["bom-ref"] for part in parts]}],
    }
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(bill(sys.argv[1], Path(sys.argv[2]).read_text(), None, sys.argv[3]))
