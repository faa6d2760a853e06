"""Where things are: one home of three folders, by TM_TUI_HOME, systemd, or the user's own folders."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tm_tui.errors import StorageFailed

__all__ = ["SOCKET_PATH_LIMIT", "Home"]

SOCKET_PATH_LIMIT = 107
"""Bytes that a Unix socket's path may have (unix(7): 108 with the final NUL)."""


@dataclass(frozen=True, slots=True)
class Home:
    """The three folders of one appliance: what is decided, what is kept, what lives as long as the agent."""

    config: Path
    state: Path
    run: Path

    @classmethod
    def under(cls, folder: Path) -> "Home":
        """Put all three below `folder`."""
        folder = folder.absolute()
        return cls(folder / "config", folder / "state", folder / "run")

    @classmethod
    def find(cls, environ: Mapping[str, str] = os.environ) -> "Home":
        """Follow TM_TUI_HOME, else systemd's CONFIGURATION_/STATE_/RUNTIME_DIRECTORY, else platformdirs."""
        if home := environ.get("TM_TUI_HOME"):
            return cls.under(Path(home))
        names = ("CONFIGURATION_DIRECTORY", "STATE_DIRECTORY", "RUNTIME_DIRECTORY")
        if all(environ.get(name) for name in names):
            return cls(*(Path(environ[name].split(":")[0]) for name in names))
        import platformdirs

        folders = platformdirs.PlatformDirs("tm-tui", appauthor=False)
        state = Path(folders.user_state_dir)
        # Without a runtime folder of the user's own, platformdirs would fall back to the shared /tmp.
        run = Path(folders.user_runtime_dir) if environ.get("XDG_RUNTIME_DIR") else state / "run"
        return cls(Path(folders.user_config_dir), state, run)

    @property
    def control_socket(self) -> Path:
        """The control socket. Raises StorageFailed when its path is longer than a socket's may be."""
        path = self.run / "control.sock"
        size = len(os.fsencode(path))
        if size > SOCKET_PATH_LIMIT:
            raise StorageFailed(
                f"The control socket's path has {size} bytes, {SOCKET_PATH_LIMIT} are possible: {path}.",
                "Choose a shorter TM_TUI_HOME.",
            )
        return path
