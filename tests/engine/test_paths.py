"""Where things are."""

from pathlib import Path

import pytest

from tm_tui.errors import StorageFailed
from tm_tui.paths import Home


def test_home_variable_comes_first(tmp_path: Path) -> None:
    """TM_TUI_HOME puts all three folders under one."""
    home = Home.find({"TM_TUI_HOME": str(tmp_path), "STATE_DIRECTORY": "/elsewhere"})
    assert home == Home(tmp_path / "config", tmp_path / "state", tmp_path / "run")


def test_systemd_folders() -> None:
    """Under systemd its folders count, the first of several."""
    home = Home.find(
        {
            "CONFIGURATION_DIRECTORY": "/etc/tm",
            "STATE_DIRECTORY": "/var/lib/tm:/x",
            "RUNTIME_DIRECTORY": "/run/tm",
        }
    )
    assert home == Home(Path("/etc/tm"), Path("/var/lib/tm"), Path("/run/tm"))


def test_user_folders_otherwise() -> None:
    """Without either, the user's own folders are taken."""
    assert Home.find({}).config.name == "tm-tui"


def test_long_socket_path_is_refused(tmp_path: Path) -> None:
    """A socket path that the kernel would cut is refused, with its length and the remedy."""
    with pytest.raises(StorageFailed, match=r"107 are possible.*shorter TM_TUI_HOME"):
        _ = Home.under(tmp_path / ("x" * 120)).control_socket
