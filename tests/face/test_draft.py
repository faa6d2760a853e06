"""What is typed and not yet saved."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from face.scripted import NOON, document, empty_document
from screens.desk.draft import SECRETS, Draft
from tm_tui.api.agent import KeptDraft
from tm_tui.settings.fields import FIELDS

KEYS = [spec.key for spec in FIELDS if spec.kind in {"text", "number", "choice", "interval"}]
EDITS = st.lists(st.tuples(st.sampled_from(KEYS), st.text(max_size=12)), max_size=8)


def typed(draft: Draft, edits: list[tuple[str, str]]) -> Draft:
    for key, value in edits:
        draft = draft.with_value(key, value)
    return draft


@given(EDITS)
def test_typing_everything_back_changes_nothing(edits: list[tuple[str, str]]) -> None:
    """A form put back to what is saved is not "changed", and Esc does not ask."""
    draft = typed(Draft(document()), edits)
    for key in KEYS:
        draft = draft.with_value(key, draft.saved_value(key))
    assert draft.changed() == ()
    assert draft.candidate() == document().settings


@given(EDITS, st.booleans())
def test_rebase_keeps_every_typed_value(edits: list[tuple[str, str]], secret: bool) -> None:
    """A conflict never costs what was typed: it stands on top of what somebody else saved."""
    draft = typed(Draft(document()), edits)
    if secret:
        draft = draft.with_secret("proxy", SecretStr("geheim"))
    theirs = document(18, username="other")
    rebased = draft.rebased(theirs)
    assert all(rebased.value(key) == value for key, value in draft.typed.items())
    assert rebased.secrets == draft.secrets
    assert rebased.base.revision == 18
    untouched = [key for key in KEYS if key not in draft.typed]
    assert all(rebased.value(key) == Draft(theirs).value(key) for key in untouched)


@given(EDITS, EDITS)
def test_a_test_holds_for_exactly_the_values_it_saw(first: Any, second: Any) -> None:
    """Editing makes a test stale; only the very same values are "tested"."""
    tested = typed(Draft(document()), first)
    tested = tested.with_test(tested.fingerprint(), passed=True)
    assert tested.test == "passed"
    edited = typed(tested, second)
    same = edited.checked() == tested.checked()
    assert (edited.test == "passed") is same
    assert edited.test in {"passed", "stale"}


def test_a_new_password_makes_the_test_stale() -> None:
    """A test with the old password says nothing about the new one."""
    draft = Draft(document()).with_secret("tmsp", SecretStr("one"))
    draft = draft.with_test(draft.fingerprint(), passed=True)
    assert draft.with_secret("tmsp", SecretStr("one")).test == "passed"
    assert draft.with_secret("tmsp", SecretStr("two")).test == "stale"
    assert draft.with_secret("tmsp", None).test == "stale"


def test_somebody_elses_save_makes_the_test_stale() -> None:
    """A password that somebody else changed may be part of what was tested."""
    draft = Draft(document()).with_value("tmsp.username", "new")
    draft = draft.with_test(draft.fingerprint(), passed=True)
    assert draft.rebased(document(18)).test == "untested"


@pytest.mark.parametrize(("protocol", "port"), [("ssl", "443"), ("ssh", "22")])
def test_the_port_follows_the_protocol(protocol: str, port: str) -> None:
    """Choosing SSL sets port 443 where 22 stood only because of SSH."""
    draft = Draft(empty_document()).with_value("tmsp.log_server.protocol", "ssl")
    draft = draft.with_value("tmsp.log_server.protocol", protocol)
    assert draft.value("tmsp.log_server.port") == port


def test_a_typed_port_stays() -> None:
    """A port that the admin typed does not follow the protocol."""
    draft = Draft(document()).with_value("tmsp.log_server.port", "2222")
    assert draft.with_value("tmsp.log_server.protocol", "ssl").value("tmsp.log_server.port") == "2222"


def test_typing_during_a_save_is_kept() -> None:
    """What is typed while a save is on its way is neither lost nor taken for saved."""
    sent = Draft(document()).with_value("tmsp.username", "first").with_secret("tmsp", SecretStr("one"))
    now = sent.with_value("tmsp.email", "b@example.com").with_secret("proxy", SecretStr("two"))
    saved = now.after_save(sent, document(18, username="first"))
    assert set(saved.changed()) == {"tmsp.email", "proxy.password"}
    assert saved.value("tmsp.username") == "first"


def test_each_problem_stands_at_its_field() -> None:
    """A host name in the on-premise edition is wrong at the two hosts, and nowhere else."""
    draft = Draft(document()).with_value("tmsp.edition", "on-premise")
    assert set(draft.problems()) == {"tmsp.log_server.host", "tmsp.status_server.host"}


def test_a_missing_password_is_a_problem_of_the_password_field() -> None:
    """Registration without a password is refused on the form, not by the portal."""
    assert set(Draft(document(secrets=())).problems()) == {"tmsp.password"}
    removed = Draft(document()).with_secret("tmsp", SecretStr(""))
    assert set(removed.problems()) == {"tmsp.password"}


def test_a_password_that_is_too_long_is_a_problem_of_the_password_field() -> None:
    """A long text pasted into the password field is refused there; it does not end the console."""
    problems = Draft(document()).with_secret("tmsp", SecretStr("x" * 3000)).problems()
    assert set(problems) == {"tmsp.password"}
    assert "1024" in problems["tmsp.password"].cause + problems["tmsp.password"].remedy


def test_discarding_one_form_keeps_the_other() -> None:
    """Esc on the proxy form does not throw away what was typed on the TMSP form."""
    draft = Draft(document()).with_value("tmsp.username", "new").with_value("proxy.host", "192.0.2.1")
    draft = draft.with_secret("proxy", SecretStr("geheim"))
    left = draft.without([key for key in [*KEYS, *SECRETS] if key.startswith("proxy.")])
    assert left.changed() == ("tmsp.username",)


@given(st.text(min_size=8, max_size=40))
def test_no_password_in_any_repr(password: str) -> None:
    """A traceback or a log line that shows the draft shows no password."""
    canary = f"canary-{password}"
    draft = Draft(document()).with_secret("tmsp", SecretStr(canary))
    draft = draft.with_test(draft.fingerprint(), passed=True)
    assert canary not in repr(draft)
    assert canary not in repr(draft.secret_changes())
    assert "canary-" not in repr(draft)


TARGET = {
    "tmsp.log_server.host": "other.example.com",
    "tmsp.log_server.port": "2222",
    "tmsp.log_server.protocol": "ssl",
    "tmsp.status_server.host": "other.example.com",
    "tmsp.status_server.port": "8443",
    "trust.ca_file": "/ca.pem",
}


@pytest.mark.parametrize("key", [spec.key for spec in FIELDS if spec.kind != "secret"])
def test_the_form_knows_by_itself_when_the_agent_would_ask_again(key: str) -> None:
    """A field of the target asks for the password before anything is sent; every other field does not."""
    draft = Draft(document())
    value = draft.saved_value(key)
    changed = draft.with_value(key, TARGET.get(key, not value if isinstance(value, bool) else "7"))
    assert bool(changed.asked_again("tmsp")) is (key in TARGET)
    assert ("tmsp.password" in changed.problems()) is (key in TARGET)
    typed_again = changed.with_secret("tmsp", SecretStr("again"))
    assert not typed_again.asked_again("tmsp")
    assert not typed_again.with_secret("tmsp", SecretStr("")).asked_again("tmsp")
    assert not changed.with_value(key, value).asked_again("tmsp")


def test_what_was_kept_belongs_to_the_form_that_it_was_typed_on() -> None:
    """A password from before a logout stands for the servers on the form then, not for others later."""
    kept = KeptDraft(
        revision=17, typed={"tmsp.log_server.host": "b.example.com"}, secrets=("tmsp",), kept_at=NOON
    )
    draft = Draft(document()).with_kept(kept)
    assert not draft.asked_again("tmsp")
    elsewhere = draft.with_value("tmsp.log_server.host", "c.example.com")
    assert elsewhere.asked_again("tmsp")
    assert draft.with_value("tmsp.log_server.host", "logs.example.com").asked_again("tmsp")
    assert not elsewhere.with_secret("tmsp", SecretStr("typed")).asked_again("tmsp")
    assert not elsewhere.with_value("tmsp.log_server.host", "b.example.com").asked_again("tmsp")


def test_a_first_password_is_never_asked_for_again() -> None:
    """On a fresh appliance the order in which the fields are typed does not matter."""
    draft = Draft(empty_document()).with_secret("tmsp", SecretStr("first"))
    assert not draft.with_value("tmsp.log_server.host", "a.example.com").asked_again("tmsp")
