"""What Textual would keep of each line that it has drawn, and need not.

A line (Strip) has seven caches of its own, which keep pieces of it, each with seven more. Once all pages were
opened they took 5 MB, and drawing took as long as without them.
"""

from typing import Any, Final

from textual import strip

__all__ = ["forget_pieces"]


class _Forgetful:
    """What a Strip wants of a cache. It keeps nothing, so that all can share one."""

    def get(self, key: object, default: Any = None) -> Any:  # noqa: ARG002 - the shape of Textual's
        """Never there."""
        return default

    def __setitem__(self, key: object, value: object) -> None: ...


_SHARED: Final = _Forgetful()


def _shared(maxsize: int) -> _Forgetful:  # noqa: ARG001 - the shape of Textual's
    return _SHARED


def forget_pieces() -> None:
    """From now on no line keeps its pieces."""
    strip.FIFOCache = _shared  # type: ignore[attr-defined, assignment]  # the name by which Strip makes them
