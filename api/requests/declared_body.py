"""Declared bodies: one input or several as `inputs`, each with the extra fields of a probe."""

from typing import Annotated, Any, ClassVar, cast

from pydantic import BaseModel, BeforeValidator, Field, create_model

from api.requests.json_object import FieldError, JSONObject
from api.requests.multipart import MAX_PARTS
from models.architecture import Architecture

MAX_INPUTS = MAX_PARTS  # of one request, in JSON as in a form


class DeclaredInput(JSONObject):
    """Base of a declared input, an image or a sequence in a JSON body.

    Attributes:
        has_extra: Whether the declaration has the extra fields of a probe.
    """

    has_extra: ClassVar[bool] = False

    @property
    def extra(self) -> BaseModel | None:
        """Declared input as an instance of its probe's `body` model; None without extra fields."""
        return self if self.has_extra else None

    @property
    def second(self) -> Any:
        """Second declared input, the extra field `source` of a probe; None without one."""
        # Not by `getattr` alone: pydantic takes 4 µs to find that a field does not exist.
        return getattr(self, "source", None) if self.has_extra else None


class DeclaredBody(JSONObject):
    """Base of a declared body: JSON of one declared input, or of several as `inputs`."""

    noun = "The body"
    inputs: Any = None

    @classmethod
    def check_keys(cls, given: dict[str, Any], network: Architecture) -> dict[str, Any]:
        """Check the keys of a declared body: those of one input, or `inputs` alone."""
        if "inputs" not in given:
            return super().check_keys(given, network)
        if len(given) > 1:
            reason = "'inputs' must be the only key of the body: each input has its own keys."
            raise FieldError("invalid-body", reason, "inputs")
        return given


def declare_body(name: str, declared: type[DeclaredInput], several: str) -> type[DeclaredBody]:
    """Declare a JSON body that holds one declared input, or several as `inputs`.

    Args:
        name: Name of the class, and of the schema in OpenAPI.
        declared: One input.
        several: Description of `inputs`.
    """
    # With `inputs` no other key is required; without it `required_keys` asks for those of an input.
    fields: dict[str, Any] = {
        key: (
            Annotated[(field.annotation, Field(description=field.description), *field.metadata)],
            None,
        )
        for key, field in declared.model_fields.items()
        if field.is_required()
    }
    inputs = Annotated[list[declared], BeforeValidator(_check_count)]  # type: ignore[valid-type]
    fields["inputs"] = (inputs | None, Field(None, description=several))
    doc = f"{declared.__doc__} Or several as `inputs`."
    bases: tuple[Any, ...] = (DeclaredBody, declared)
    made = create_model(name, __base__=bases, __doc__=doc, **fields)
    body = cast("type[DeclaredBody]", made)
    body.required_keys = declared.required_keys
    return body


def declare_extra(
    name: str, declared: type[DeclaredInput], extra: type[BaseModel]
) -> type[DeclaredInput]:
    """Declare an input of a JSON body together with the extra fields of a probe.

    Args:
        name: Name of the class, and of the schema in OpenAPI.
        declared: The input alone.
        extra: The extra fields. One that is called `source` is a second input.
    """
    fields: dict[str, Any] = {}
    if (source := extra.model_fields.get("source")) is not None:
        second = declared if source.is_required() else declared | None
        default = ... if source.is_required() else None
        fields["source"] = (second, Field(default, description=source.description))
    # Pydantic orders fields from the last base on: `image, pixels, edits, source`.
    bases: tuple[Any, ...] = (extra, declared)
    made = create_model(name, __base__=bases, __doc__=declared.__doc__, **fields)
    composed = cast("type[DeclaredInput]", made)
    composed.has_extra = True
    return composed


def count_of(inputs: object) -> int:
    """Return the number of a declared body's inputs; 0 for no list, or one of another length."""
    return len(inputs) if isinstance(inputs, list) and len(inputs) <= MAX_INPUTS else 0


def _check_count(value: object) -> object:
    if not count_of(value):
        reason = f"'inputs' must be a list of 1 to {MAX_INPUTS} objects."
        raise FieldError("invalid-body", reason)
    return value
