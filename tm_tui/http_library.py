"""httpx without its command line, which would bring rich, click and pygments into the agent."""

import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from types import ModuleType

# None: this import fails (importlib's rule), for which httpx has a fallback of its own.
sys.modules.setdefault("httpx._main", cast("ModuleType", None))

import httpx  # noqa: E402 - only now

__all__ = ["httpx"]
