"""What pydantic finds wrong, as problems with cause and remedy, and without the input."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tm_tui.errors import Problem
from tm_tui.text import safe_text

__all__ = ["problems_of"]

_BUILT_IN = {
    "missing": ("The value is missing.", "Enter it."),
    "extra_forbidden": ("There is no such setting.", "See `tm-tui config schema` for the names."),
    "literal_error": ("This is none of the possible values.", "Choose {expected}."),
    "string_type": ("This is no text.", "Put the value in quotes."),
    "string_too_long": ("The text is too long.", "Enter at most {max_length} characters."),
    "bool_type": ("This is neither true nor false.", "Enter true or false."),
    "bool_parsing": ("This is neither true nor false.", "Enter true or false."),
    "model_type": ("This is no group of settings.", "See `tm-tui config schema` for the shape."),
}


def problems_of(error: ValidationError) -> tuple[Problem, ...]:
    """Read pydantic's errors as problems, without the input."""
    return tuple(
        _problem(
            safe_text(".".join(str(part) for part in item["loc"]), 100), item["type"], item.get("ctx") or {}
        )
        for item in error.errors(include_input=False, include_url=False)
    )


def _problem(field: str, kind: str, context: Mapping[str, Any]) -> Problem:
    if "cause" in context:
        return Problem(field, context["cause"], context["remedy"])
    cause, remedy = _BUILT_IN.get(kind, ("The value has the wrong form.", "See `tm-tui config schema`."))
    return Problem(field, cause, remedy.format_map({"expected": "", "max_length": "", **context}))
