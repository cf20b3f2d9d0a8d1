"""The parameters of an operation: read from a request, and described, by the same value."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar

from tidings.api.http import ApiConnection
from tidings.domain.errors import InvalidRequest
from tidings.domain.identifiers import check_name

T = TypeVar("T", bound=str)

_SECONDS = re.compile(r"[0-9]{1,4}(\.[0-9]+)?")


class Parameter:
    """A text in the query, the path or the head of a request."""

    def __init__(
        self,
        name: str,
        description: str,
        *,
        place: Literal["query", "path", "header"] = "query",
        schema: Mapping[str, Any] | None = None,
        required: bool = False,
        many: bool = False,
    ) -> None:
        """`schema` is JSON Schema of one value; `many`: it may be there several times."""
        self.name = name
        self.description = description
        self.place = place
        self.schema = {"type": "string"} if schema is None else dict(schema)
        self.required = required or place == "path"
        self.many = many

    def described(self) -> dict[str, Any]:
        """The parameter as OpenAPI writes it."""
        schema = {"type": "array", "items": self.schema} if self.many else self.schema
        return {
            "name": self.name, "in": self.place, "required": self.required, "description": self.description,
            "schema": schema,
        }  # fmt: skip


class Name(Parameter):
    """A name in the query, of `most` visible characters."""

    def __init__(self, name: str, description: str, *, schema: Mapping[str, Any], most: int) -> None:
        super().__init__(name, description, schema=schema)
        self.most = most

    def of(self, request: ApiConnection) -> str | None:
        """The name; None or an empty text as they are. Raises `InvalidRequest`."""
        text = request.query_params.get(self.name)
        if text:
            try:
                check_name(self.name, text, self.most)
            except ValueError as error:
                raise InvalidRequest(str(error)) from None
        return text


class Integer(Parameter):
    """A whole number in the query, within bounds."""

    def __init__(self, name: str, description: str, *, default: int, least: int, most: int) -> None:
        schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
        super().__init__(name, description, schema=schema)
        self.default = default
        self.least = least
        self.most = most

    def of(self, request: ApiConnection) -> int:
        """The number, or the default. Raises `InvalidRequest`."""
        text = request.query_params.get(self.name)
        if text is None:
            return self.default
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and self.least <= int(text) <= self.most):
            raise InvalidRequest(
                f"{self.name} must be a whole number from {self.least} to {self.most}, not {text[:40]!r}"
            )
        return int(text)


class Seconds(Parameter):
    """A time in the query, within bounds."""

    def __init__(self, name: str, description: str, *, least: float, most: float) -> None:
        super().__init__(name, description, schema={"type": "number", "minimum": least, "maximum": most})
        self.least = least
        self.most = most

    def of(self, request: ApiConnection) -> float | None:
        """The time, if there is one. Raises `InvalidRequest`."""
        text = request.query_params.get(self.name)
        if text is None:
            return None
        if not (_SECONDS.fullmatch(text) and self.least <= float(text) <= self.most):
            raise InvalidRequest(f"{self.name} must be {self.least:g} to {self.most:g} seconds, not {text[:40]!r}")
        return float(text)


class Choice(Parameter, Generic[T]):
    """One of a few words in the query."""

    def __init__(self, name: str, description: str, *, among: Sequence[T]) -> None:
        super().__init__(name, description, schema={"type": "string", "enum": list(among)})
        self._among = {str(word): word for word in among}

    def of(self, request: ApiConnection) -> T | None:
        """The word, if there is one. Raises `InvalidRequest`."""
        text = request.query_params.get(self.name)
        if text is None:
            return None
        if text not in self._among:
            raise InvalidRequest(f"{self.name} must be one of {', '.join(self._among)}, not {text[:40]!r}")
        return self._among[text]
