"""Query strings: a parameter that takes one value may be given once."""

from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, cast, get_args, get_origin
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response
from starlette.routing import BaseRoute


class SingleValueRoute(APIRoute):
    """Route that answers a repeated single-valued query parameter with 422.

    FastAPI would use the last value and drop the others without a word. Parameters that are lists
    may be repeated. The check runs before validation, so that no such request line is cached.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler of a route, behind the check for repeated query parameters."""
        handle = super().get_route_handler()
        single = _single_valued(self)

        async def handle_single_values(request: Request) -> Response:
            # Without `&` there is one parameter at most, and nothing to parse.
            if b"&" in request.scope["query_string"]:
                check_repeated(request.scope["query_string"], single)
            return await handle(request)

        return handle_single_values


def check_repeated(query: bytes, single: frozenset[str]) -> None:
    """Raise where a query string repeats a single-valued parameter.

    Args:
        query: As it was sent, percent-encoded.
        single: Names of the parameters that take one value.

    Raises:
        RequestValidationError: Of type `repeated`, with the name and how often it was given.
    """
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    counts = Counter(name for name, _ in pairs if name in single)
    errors = [
        {"type": "repeated", "loc": ("query", name), "msg": "repeated", "ctx": {"times": times}}
        for name, times in counts.items()
        if times > 1
    ]
    if errors:
        raise RequestValidationError(errors)


def query_models(routes: Iterable[BaseRoute]) -> dict[str, type[BaseModel]]:
    """Return the model of the query of each route that has one, by the path of the route."""
    return {
        route.path: cast("type[BaseModel]", parameter.field_info.annotation)
        for route in routes
        if isinstance(route, APIRoute)
        for parameter in route.dependant.query_params
        if _is_model(parameter.field_info.annotation)
    }


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _single_valued(route: APIRoute) -> frozenset[str]:
    """Return the names of the query parameters of a route that take one value."""
    fields: dict[str, Any] = {}
    for parameter in route.dependant.query_params:
        annotation: Any = parameter.field_info.annotation
        if _is_model(annotation):
            fields |= annotation.model_fields
        else:
            fields[parameter.alias] = parameter.field_info
    return frozenset(name for name, field in fields.items() if not is_list(field.annotation))


def is_list(annotation: Any) -> bool:
    """Tell whether the type of a query parameter is a list, or optionally one."""
    return get_origin(annotation) is list or any(map(is_list, get_args(annotation)))
