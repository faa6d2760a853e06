"""The look: the terminal's own colours, few of them, and nothing that is told by colour alone."""

from textual.theme import Theme

__all__ = ["THEME", "state_style"]

THEME = Theme(
    name="tm",
    ansi=True,
    primary="ansi_default",
    secondary="ansi_default",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    accent="ansi_default",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
)

_STATES = {
    "connected": "bold ansi_green",
    "failing": "bold ansi_red",
    "disabled": "bold",
    "passed": "ansi_green",
}


def state_style(state: str) -> str:
    """The style of a state's word, which says the same without it."""
    return _STATES.get(state, "bold ansi_yellow")
