"""Apply on trial, history and the way back, as a script drives them."""

import subprocess
from pathlib import Path

from engine.cli.conftest import Tm


def settings(folder: Path, email: str) -> str:
    """A settings.toml, switched off."""
    file = folder / "new.toml"
    file.write_text(f'schema = 1\n[tmsp]\nemail = "{email}"\n')
    return str(file)


def test_apply_on_trial_and_confirm(tm: Tm, agent: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """What is applied on trial shows in the status, blocks other saves, and stays once it is confirmed."""
    assert tm("config", "set", "tmsp.email", "old@example.com", "--note", "first").code == 0
    file = settings(tmp_path, "new@example.com")
    said = tm("config", "apply", file, "--trial", "--minutes", "5", "--note", "ticket 7")
    assert said.code == 0
    assert "On trial: the servers' answers or `tm-tui config confirm` keep it, else revision 1" in said.out
    trial = tm("status", "--json").json["trial"]
    assert (trial["revision"], trial["previous"], trial["minutes"]) == (2, 1, 5)
    assert 0 < trial["left_seconds"] <= 300
    assert "revision 2 by root" in tm("status").out
    refused = tm("config", "set", "tmsp.email", "x@example.com")
    assert refused.code == 1
    assert "root is trying revision 2" in refused.err
    assert "Revision 2 is confirmed." in tm("config", "confirm").out
    assert tm("status", "--json").json["trial"] is None
    again = tm("config", "confirm")
    assert again.code == 1
    assert "No settings are on trial" in again.err
    newest, first = tm("config", "history", "--json").json["revisions"]
    assert (newest["outcome"], newest["confirmed_by"], newest["note"]) == ("confirmed", "root", "ticket 7")
    assert (first["note"], first["saved_by"]) == ("first", "root")
    assert "on trial: confirmed by root; ticket 7" in tm("config", "history").out


def test_take_back_and_go_back(tm: Tm, agent: subprocess.Popen[bytes]) -> None:
    """`config rollback` without a number ends a trial; with one it saves an old revision again."""
    assert tm("config", "set", "tmsp.email", "old@example.com").code == 0
    none = tm("config", "rollback")
    assert none.code == 1
    assert "No settings are on trial" in none.err
    assert tm("config", "set", "tmsp.email", "new@example.com", "--trial").code == 0
    assert tm("config", "rollback", "--json").json["revision"] == 3
    assert tm("config", "get", "tmsp.email").out.strip() == "old@example.com"
    assert tm("config", "rollback", "2", "--trial", "--note", "again").code == 0
    assert tm("status", "--json").json["trial"]["revision"] == 4
    kinds = [entry["kind"] for entry in tm("config", "history", "--json").json["revisions"]]
    assert kinds == ["trial", "rollback", "trial", "save"]
    assert tm("config", "rollback").code == 0
    assert "Nothing was taken back by itself" in tm("config", "acknowledge").out
    assert tm("config", "set", "tmsp.email", "a@example.com", "--minutes", "5").code == 2
    assert tm("config", "rollback", "--note", "x").code == 2
