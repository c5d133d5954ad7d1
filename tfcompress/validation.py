"""Values of a user's, validated by a pydantic model; what is wrong becomes one line."""

import difflib
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tfcompress.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], values: dict[str, Any]) -> Model:
    """The values as a `model`.

    Args:
        model: pydantic model class.
        values: dict.

    Raises:
        ConfigError: naming the first field that is wrong, the value received and what is allowed.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        field, first = first_fault(error)
    if not first["loc"]:
        raise ConfigError(first["msg"].removeprefix("Value error, "))
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        raise ConfigError(unknown_name(field, list(model.model_fields)))
    message = first["msg"].removeprefix("Value error, ")
    raise ConfigError(f"{field} is {first['input']!r}: {message}")


def first_fault(error: ValidationError) -> tuple[str, ErrorDetails]:
    """Where the first wrong value stands ("field.part"), and what pydantic says of it."""
    first = error.errors()[0]
    return ".".join(str(part) for part in first["loc"]), first


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raises `ConfigError` for a value that is none of the choices, naming them."""
    if value not in choices:
        raise ConfigError(f"{name}: got {value!r}, expected one of {', '.join(choices)}")


def shown(value: object) -> str:
    """The beginning of a value, on one line, for an error."""
    return " ".join(repr(value).split())[:60]


def unknown_name(name: str, known: list[str]) -> str:
    """What to say of a key that is none of the known ones: the nearest of them, or all."""
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"{name}: no such key; {hint}"
