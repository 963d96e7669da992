"""Text fields of a form: query parameters of its route, and others, which are ignored."""

from collections.abc import Iterable, Sequence
from typing import TypeVar
from urllib.parse import parse_qsl

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from api.errors.problem import SHOWABLE, body_problem
from api.requests.query import is_list
from probes.shared.input_warnings import InputWarning

Query = TypeVar("Query", bound=BaseModel)
Fields = Sequence[tuple[str, str]]


def with_fields(model: type[Query], query_string: bytes, fields: Fields) -> Query:
    """Validate the query of a request together with the text fields of its form.

    Args:
        model: The query parameters of the route.
        query_string: As it was sent, percent-encoded.
        fields: Name and text of each field; those that are no parameter are left out.

    Raises:
        RequestValidationError: A parameter is not valid, or is in the query and in the form.
    """
    queried = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
    posted = [each for each in fields if each[0] in model.model_fields]
    names = {name for name, _ in posted}
    if twice := sorted(names & {name for name, _ in queried}):
        raise RequestValidationError([_error("in_query_and_form", name) for name in twice])
    values: dict[str, str | list[str]] = {}
    for name, text in (*queried, *posted):
        field = model.model_fields.get(name)
        if field is not None and is_list(field.annotation):
            values[name] = [*values.get(name, ()), text]
        elif name in values:
            times = sum(each == name for each, _ in (*queried, *posted))
            raise RequestValidationError([_error("repeated", name, times)])
        else:
            values[name] = text
    try:
        return model.model_validate(values)
    except ValidationError as error:
        errors = [
            {
                **one,
                "loc": (
                    "body" if one["loc"][:1] and one["loc"][0] in names else "query",
                    *one["loc"],
                ),
            }
            for one in error.errors(include_url=False)
        ]
        raise RequestValidationError(errors) from None


def _error(kind: str, name: str, times: int = 2) -> dict[str, object]:
    return {"type": kind, "loc": ("body", name), "msg": kind, "ctx": {"times": times}}


def field_warnings(model: type[BaseModel], names: Iterable[str]) -> tuple[InputWarning, ...]:
    """Return a warning about each field of a form that is no parameter of its route."""
    return tuple(
        InputWarning("ignored-field", _ignored(name, model))
        for name in dict.fromkeys(names)
        if name not in model.model_fields
    )


def _ignored(name: str, model: type[BaseModel]) -> str:
    """Return the message about an ignored field of a form; its name is shown where it is short."""
    field = f"field '{name}'" if SHOWABLE.fullmatch(name) else "field with another name"
    known = ", ".join(model.model_fields)
    return f"The form's {field} was ignored: it is no parameter here. These are {known}."


def check_json_keys(keys: Iterable[str], names: Iterable[str]) -> None:
    """Raise where a field of a form has the name of a JSON key that a form cannot send.

    Args:
        keys: Extra fields of the probe, such as `edits`.
        names: Names of the fields of the form.

    Raises:
        Problem: A field would change the answer, and is read from JSON only.
    """
    for name in dict.fromkeys(names):
        if name in keys:
            detail = (
                f"The field '{name}' is read from JSON only: send an object of 'image' in base64 "
                f"and '{name}'."
            )
            raise body_problem("invalid-body", detail, name)
