"""What a page is: a path, what it shows, and what may be done on it. One module a page, `PAGES` in each."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from tm_tui.portal.callers import Level
from tm_tui.portal.core import Portal
from tm_tui.text import safe_text

__all__ = ["Form", "Go", "Page", "Shown", "asked_of"]

Form = Mapping[str, str]
"""The fields of a form that was sent, each once."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A template with its values."""

    template: str
    values: Mapping[str, object] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Go:
    """To another page of ours, where these words stand once."""

    path: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page below /portal. `title` stands in the navigation; without one it is reached by links only.

    `show` may answer by itself, as for a download. `act` takes a form; its token was checked. `sees` and
    `acts` are the lowest levels of operators for either; `site` asks for them before it begins.
    """

    path: str
    show: Callable[[Portal, Request], Awaitable[Shown | Response]]
    title: str = ""
    act: Callable[[Portal, Request, Form], Awaitable[Shown | Go | Response]] | None = None
    sees: Level = field(kw_only=True)
    acts: Level | None = field(default=None, kw_only=True)
    takes_file: bool = field(default=False, kw_only=True)
    """Its form has a file (`request.state.file`); it is read once its sender is known."""

    def __post_init__(self) -> None:
        """A form has its rule, and a rule its form: ValueError for a page that was put together wrongly."""
        if (self.act is None) != (self.acts is None):
            raise ValueError(f"the page {self.path} does not say who may send its form")


def asked_of(request: Request) -> str:
    """The appliance that a list is asked of, safe for the database and for the page that says it again."""
    return safe_text(request.query_params.get("appliance", ""), 80)
