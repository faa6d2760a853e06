"""Whatever a portal puts into its signed lists, a check ends with patterns or with a code."""

import copy
import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from securesystemslib.exceptions import FormatError
from securesystemslib.formats import encode_canonical
from tuf.api.exceptions import DownloadHTTPError

from patterning.repository import Repository as Portal
from tm_tui.link.failures import LinkFailure
from tm_tui.link.host_keys import HostKeys, Trust
from tm_tui.link.types import Endpoint, Limits, Link
from tm_tui.patterns.check import Checked, PatternCheck
from tm_tui.patterns.fetcher import LinkFetcher, LoopCalls, Patience
from tm_tui.patterns.repository import Repository
from tm_tui.patterns.store import PatternStore
from tm_tui.patterns.trusted_root import Anchor

if TYPE_CHECKING:
    from tm_tui.link.https import LinkClient

UNSIGNABLE = (TypeError, ValueError, LookupError, AttributeError, RecursionError, FormatError)
ROLES = ("first root", "root", "targets", "snapshot", "timestamp")


@cache
def portal() -> Portal:
    """A portal with two patterns, whose keys have changed once."""
    made = Portal()
    made.old = made.signers["root"]  # type: ignore[attr-defined]
    made.rotate()
    made.add(1, b"the first", appliance="tm-lab-1")
    made.add(2, b"the second")
    return made


def documents() -> dict[str, Any]:
    """What it gives out, by role."""
    one = portal()
    found = {role: json.loads(data) for role, data in _newest(one.files)}
    return {"first root": json.loads(one.first_root), **found}


def _newest(files: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    versions = {"root": portal().root.version, "targets": portal().targets.version}
    for role in ("root", "targets", "snapshot"):
        version = versions.get(role, portal().snapshot.version)
        yield role, files[f"metadata/{version}.{role}.json"]
    yield "timestamp", files["metadata/timestamp.json"]


def sign(role: str, document: Any) -> None:
    """Sign it anew, if there is a form that can be signed."""
    one = portal()
    old = one.old  # type: ignore[attr-defined]
    signers = {"first root": [old], "root": [old, one.signers["root"]]}.get(role) or [one.signers[role]]
    try:
        data = encode_canonical(document["signed"]).encode()
        document["signatures"] = [signer.sign(data).to_dict() for signer in signers]
    except UNSIGNABLE:  # then the old signatures must do
        return


def published(docs: dict[str, Any]) -> dict[str, bytes]:
    """The files, by the end of their names: each list names the hash of the one below it, if it can."""
    files = {}
    for role, above, name in (
        ("targets", "snapshot", "targets.json"),
        ("snapshot", "timestamp", "snapshot.json"),
    ):
        data = json.dumps(docs[role]).encode("utf-8", "surrogatepass")
        files[f".{role}.json"] = data
        try:
            meta = docs[above]["signed"]["meta"][name]
            meta["hashes"] = {"sha256": hashlib.sha256(data).hexdigest()}
            meta["length"] = len(data)
            sign(above, docs[above])
        except UNSIGNABLE:  # it is what it is
            continue
    files["timestamp.json"] = json.dumps(docs["timestamp"]).encode("utf-8", "surrogatepass")
    files["2.root.json"] = json.dumps(docs["root"]).encode("utf-8", "surrogatepass")
    return files


class FromMemory(LinkFetcher):
    """What comes over the link otherwise."""

    def __init__(self, folder: Path, files: dict[str, bytes]) -> None:
        super().__init__(
            cast("LoopCalls", None), cast("LinkClient", None), folder, rate=0, patience=Patience()
        )
        self._files = files

    def _fetch(self, url: str) -> Iterator[bytes]:
        assert url.startswith("https://portal:443/"), url
        assert url.isprintable()
        self.last = url.removeprefix("https://portal:443")
        found = next((data for end, data in self._files.items() if url.endswith(end)), None)
        content = {"p1.bin": b"the first", "p2.bin": b"the second"}
        found = found or next((data for end, data in content.items() if url.endswith(end)), None)
        if found is None:
            raise DownloadHTTPError("absent", 404)
        yield found


@dataclass(frozen=True)
class Check(PatternCheck):
    """A check whose files come from memory."""

    files: dict[str, bytes] | None = None

    def _repository(self, calls: LoopCalls, root: bytes) -> Repository:
        self.store.load()
        fetcher = FromMemory(self.store.folder, self.files or {})
        return Repository(self.client.link, self.anchor.folder / "tuf", root, fetcher)


def checked(docs: dict[str, Any], times: int = 2) -> Checked:
    """Check so often from one folder, as an appliance does."""
    root = json.dumps(docs["first root"]).encode("utf-8", "surrogatepass")
    files = published(docs)
    with tempfile.TemporaryDirectory() as folder:
        trust = Trust(None, HostKeys(Path(folder) / "host_keys"))
        link = Link(Endpoint("portal", 443), None, None, trust, Limits())
        done = Checked()
        for _ in range(times):
            done = Check(
                anchor=Anchor(Path(folder)),
                store=PatternStore(Path(folder) / "files"),
                appliance="tm-lab-1",
                client=cast("LinkClient", SimpleNamespace(link=link)),
                rate=0,
                patience=Patience(),
                offered=root,
                in_use=(),
                seen=done.seen,
                now=lambda: datetime.now(UTC),
                files=files,
            ).run(cast("LoopCalls", SimpleNamespace(check=lambda: None)))
            assert done.failure is None or isinstance(done.failure, LinkFailure), done.failure
            for _, refused in done.refused.values():
                assert refused.code.startswith("pattern-")
            if isinstance(done.failure, LinkFailure):
                assert done.failure.code.startswith("pattern-")
        return done


def test_the_portal_of_these_tests_is_in_order() -> None:
    """Left as it is, everything arrives: what follows is about what is altered."""
    done = checked(documents(), times=1)
    assert done.failure is None
    assert sorted(pattern.id for pattern in done.arrived) == [1, 2]


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    yield path
    inner: Any = ()
    if isinstance(document, dict):
        inner = document.items()
    elif isinstance(document, list):
        inner = enumerate(document)
    for key, value in inner:
        yield from places(value, (*path, key))


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a place."""
    if not path:
        return value
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


DEEP: Any = 0
for _ in range(400):
    DEEP = [DEEP]

ODD = st.sampled_from(
    [
        *(
            None,
            True,
            False,
            0,
            -1,
            1,
            2**31,
            2**63,
            10**400,
            -(10**30),
            0.5,
            1e308,
            float("nan"),
            float("inf"),
        ),
        *("", "x", "\0", "\ud800", "\u0662\u0660\u0663\u0660-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        *("9999-12-31T23:59:59Z", "2099-1-1T0:0:0Z", "shake_128", "../../etc/passwd", "a" * 5000, "\r\nx: y"),
        *([], {}, [[]], {"": None}, [None], {"public": ""}, {"sha256": ""}, {"shake_128": "00"}, DEEP),
        {"keytype": "rsa", "scheme": "pgp+rsa-pkcsv1.5", "keyval": {"public": ""}},
        {"keytype": "dsa", "scheme": "pgp+dsa-fips-180-2", "keyval": {"public": {}}},
        {"keytype": "eddsa", "scheme": "pgp+eddsa-ed25519", "keyval": {"public": {"q": 0}}},
        {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": ""}},
        {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": "00"}},
        {"keytype": "ml-dsa", "scheme": "ml-dsa-44/1", "keyval": {"public": "x"}},
        {"keytype": [], "scheme": {}, "keyval": 5},
        {"keyids": ["x"], "threshold": 10**30},
        {"keyid": 5, "sig": None},
    ]
) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def altered(draw: st.DrawFn) -> dict[str, Any]:
    """Lists with one to three values in them that nobody expects, signed by the portal's keys or not."""
    docs = copy.deepcopy(documents())
    for _ in range(draw(st.integers(1, 3))):
        role = draw(st.sampled_from(ROLES))
        path = draw(st.sampled_from(sorted(places(docs[role]), key=repr)))
        docs[role] = put(docs[role], path, copy.deepcopy(draw(ODD)))
        if draw(st.booleans()):
            sign(role, docs[role])
    return docs


def with_key(role: str, **fields: Any) -> dict[str, Any]:
    """Lists whose root names a key of this kind for a role, and has a signature by it."""
    docs = copy.deepcopy(documents())
    for name in ("first root", "root"):
        signed = docs[name]["signed"]
        signed["keys"]["odd"] = {"keyval": {"public": ""}, **fields}
        signed["roles"][role]["keyids"].append("odd")
        docs[name]["signatures"].append({"keyid": "odd", "sig": ""})
    return docs


KEYS = [
    {"keytype": "rsa", "scheme": "pgp+rsa-pkcsv1.5"},
    {"keytype": "dsa", "scheme": "pgp+dsa-fips-180-2"},
    {"keytype": "eddsa", "scheme": "pgp+eddsa-ed25519"},
    {"keytype": "rsa", "scheme": "rsassa-pss-sha256"},
    {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": "\ud800"}},
    {"keytype": "sigstore-oidc", "scheme": "Fulcio", "keyval": {"identity": "x", "issuer": "y"}},
    {"keytype": None, "scheme": []},
]


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
@pytest.mark.parametrize("key", KEYS, ids=lambda key: str(key["scheme"]))
def test_an_odd_key_is_refused_with_a_code(
    monkeypatch: pytest.MonkeyPatch, key: dict[str, Any], role: str
) -> None:
    """A root whose keys are none that we verify by is refused, in words, and no program is run for it."""

    def none_runs(*_: Any, **__: Any) -> None:
        raise AssertionError("a program is run for a stranger's key")

    monkeypatch.setattr("subprocess.run", none_runs)
    docs = with_key(role, **key)
    for name in ("first root", "root"):
        sign(name, docs[name])
        docs[name]["signatures"].append({"keyid": "odd", "sig": ""})
    done = checked(docs)
    if "pss" not in str(key["scheme"]) and "ecdsa" not in str(key["scheme"]):
        assert isinstance(done.failure, LinkFailure)
        assert done.failure.code == "pattern-root-missing"


@pytest.mark.parametrize("key", KEYS[:3], ids=lambda key: str(key["scheme"]))
def test_an_odd_key_in_a_later_root_is_refused(key: dict[str, Any]) -> None:
    """The first root is in order, the next one names such a key: the list is not of the expected form."""
    docs = with_key("root", **key)
    docs["first root"] = documents()["first root"]
    sign("root", docs["root"])
    docs["root"]["signatures"].append({"keyid": "odd", "sig": ""})
    done = checked(docs)
    assert isinstance(done.failure, LinkFailure)
    assert done.failure.code == "pattern-list-unreadable"


@settings(max_examples=200, database=None)
@example(docs=with_key("root", keytype="rsa", scheme="pgp+rsa-pkcsv1.5"))
@given(docs=altered())
def test_nothing_but_a_code_comes_out(docs: dict[str, Any]) -> None:
    """No value in the lists, signed or not, ends the task that fetches: a code says why."""
    checked(docs)
