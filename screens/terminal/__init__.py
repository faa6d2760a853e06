"""A terminal driver for Textual on slow lines: cell differences, paced, with the terminal's own cursor.

Use ``SlowLineApp`` as the base of an app, or ``App(driver_class=SlowLineDriver)``. ``skeleton`` paints
before Textual is imported. Nothing here knows the program it serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from screens.terminal.app import SlowLineApp
    from screens.terminal.driver import SlowLineDriver
    from screens.terminal.options import TerminalOptions
    from screens.terminal.session import NoTerminal, OtherTextual, Session, skeleton

__all__ = [
    "NoTerminal",
    "OtherTextual",
    "Session",
    "SlowLineApp",
    "SlowLineDriver",
    "TerminalOptions",
    "skeleton",
]

_PLACES = {
    "NoTerminal": "session",
    "OtherTextual": "session",
    "Session": "session",
    "SlowLineApp": "app",
    "SlowLineDriver": "driver",
    "TerminalOptions": "options",
    "skeleton": "session",
}


def __getattr__(name: str) -> Any:
    """Import on first use: the skeleton must not wait for Textual."""
    from importlib import import_module

    if name not in _PLACES:
        raise AttributeError(name)
    return getattr(import_module(f"screens.terminal.{_PLACES[name]}"), name)
