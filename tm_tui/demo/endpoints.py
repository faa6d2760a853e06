"""A mitigation engine for the demo: a real deployer (docs/deployer.md) over endpoints that are only told of.

`python -m tm_tui.demo.endpoints FOLDER`: FOLDER/endpoints.json says how each host name behaves, by default
as `{"cleanup": "cleaned"}`. FOLDER/done.ndjson is what this engine did.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]


def main() -> int:
    """Read a request from standard input, print a result a line."""
    folder = Path(sys.argv[1])
    request = json.load(sys.stdin)
    told: dict[str, dict[str, Any]] = json.loads((folder / "endpoints.json").read_text(encoding="utf-8"))
    content = Path(request["pattern"]["file"]).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    for endpoint in request["endpoints"]:
        name = endpoint["hostname"]
        result = _result(told.get(name, {}), _tries(folder, name))
        if request.get("action") == "cleanup" and result["outcome"] == "deployed":
            result["outcome"] = "done"
        what = {"action": request.get("action", "deploy"), "pattern": request["pattern"]["id"]}
        done = {"endpoint": name, **what, "sha256": digest, **result}
        with (folder / "done.ndjson").open("a", encoding="utf-8") as file:
            file.write(json.dumps(done) + "\n")
        print(json.dumps({"id": endpoint["id"], **result}), flush=True)
    return 0


def _tries(folder: Path, name: str) -> int:
    """How often this endpoint was tried before."""
    try:
        lines = (folder / "done.ndjson").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0
    return sum(json.loads(line)["endpoint"] == name for line in lines)


def _result(behaviour: dict[str, Any], tries: int) -> dict[str, str]:
    if tries < behaviour.get("unreachable", 0):
        return {"outcome": "unreachable", "detail": "It does not answer; it may be switched off."}
    if "fails" in behaviour:
        return {"outcome": "failed", "detail": behaviour["fails"]}
    return {"outcome": "deployed", "cleanup": behaviour.get("cleanup", "cleaned")}


if __name__ == "__main__":
    sys.exit(main())
