"""What a call of the control socket is: declared once, for client, routes, roles and documents."""

import re
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar
from urllib.parse import urlencode

__all__ = ["Call", "Cost", "Method", "Order", "Role"]

Method = Literal["GET", "PUT", "POST", "DELETE"]
Role = Literal["write", "read"]
Cost = Literal["", "disk", "long", "remote"]
"""What an answer costs the agent (docs/control.md).

Nothing much; disk, or much to compute; as long as its reader takes; a way to a server and back."""

T = TypeVar("T")
B = TypeVar("B")

_NUMBER = re.compile(r"\{(\w+):number\}")


@dataclass(frozen=True, eq=False)
class Call(Generic[T]):
    """A call without a body of JSON.

    `path` may hold whole numbers as `{name:number}`, of up to 12 digits. `answer` is a shape, several of one
    (`tuple[X, ...]`), or bytes. `words` is its row in docs/control.md.
    """

    method: Method
    path: str
    answer: type[T]
    words: str
    status: int = 200
    """Of an answer that is a success."""
    events: str = ""
    """Names of the server-sent events that the answer comes as; empty: it is one answer."""
    costs: Cost = ""
    free: str | None = None
    """With this value of the query `format` (empty: without it) it costs nothing."""
    if_match: bool = False
    """It says by `If-Match` on which revision it stands."""

    @property
    def role(self) -> Role:
        """Who may: looking is GET, and nothing else is."""
        return "read" if self.method == "GET" else "write"

    @property
    def subject(self) -> str:
        """What it is about: the first word of its path."""
        return self.path.split("/")[2]

    @property
    def shown(self) -> str:
        """Method and path as a reader sees them: `GET /v1/cases/NUMBER`."""
        return f"{self.method} {_NUMBER.sub(lambda found: found[1].upper(), self.path)}"

    @property
    def answer_name(self) -> str:
        """The shape's name, as documents call it."""
        several = getattr(self.answer, "__args__", ())
        return f"list of {several[0].__name__}" if several else self.answer.__name__

    def target(self, *numbers: int, **query: str) -> str:
        """The path with these numbers in place, and a query. Raises ValueError for too few or too many."""
        names = _NUMBER.findall(self.path)
        given = {name: f"{number:d}" for name, number in zip(names, numbers, strict=True)}
        path = _NUMBER.sub(lambda found: given[found[1]], self.path)
        return f"{path}?{urlencode(query)}" if query else path


@dataclass(frozen=True, eq=False)
class Order(Call[T], Generic[T, B]):
    """A call whose body is JSON of one shape. `empty` is what no body means, where that is possible."""

    body: type[B] = field(kw_only=True)
    empty: B | None = None
