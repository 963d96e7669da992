"""JSON objects of a body: pydantic models that validate a request and document it in OpenAPI."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

from api.errors.problem import SHOWABLE


class FieldError(ValueError):
    """Error of a JSON object's field that is not valid; pydantic adds the location of the field.

    Args:
        kind: Type of the problem, a key of `api.errors.problem.PROBLEMS`.
        reason: The fault, naming the thing and the limit; never a value of the body.
        place: Location within the field, such as the number of a row.
    """

    def __init__(self, kind: str, reason: str, *place: str | int) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.place = place


class JSONObject(BaseModel):
    """JSON object of a request body with known keys; a key whose value is null counts as absent.

    Attributes:
        noun: Subject of the sentences about the object as a whole.
        known_keys: Keys that may be there, in the order of the declaration.
        required_keys: Keys that must be there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    noun: ClassVar[str] = "It"
    known_keys: ClassVar[dict[str, None]] = {}
    required_keys: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Set the known keys of a JSON object's class once: pydantic's `model_fields` is slow."""
        fields = cls.model_fields
        cls.known_keys = dict.fromkeys(fields)
        cls.required_keys = tuple(name for name in fields if fields[name].is_required())

    @model_validator(mode="before")
    @classmethod
    def _check_object(cls, value: object) -> dict[str, Any]:
        """Check the keys of a JSON object before any of its values is validated."""
        if not isinstance(value, dict):
            keys = ", ".join(cls.known_keys)
            twice = isinstance(value, str) and value.lstrip().startswith("{")
            way_out = (
                ": it is a text of JSON, encoded twice; send the object itself" if twice else ""
            )
            raise FieldError("invalid-body", f"{cls.noun} must be an object of {keys}{way_out}.")
        # Pydantic would reject the key, too, but its message would repeat any text of a client.
        if unknown := value.keys() - cls.known_keys.keys():
            key, keys = unknown.pop(), ", ".join(cls.known_keys)
            which = f"key '{key}', which" if SHOWABLE.fullmatch(key) else "a key that"
            raise FieldError("invalid-body", f"{cls.noun} has {which} is not one of {keys}.")
        if None in value.values():
            value = {key: item for key, item in value.items() if item is not None}
        return cls.check_keys(value)

    @classmethod
    def check_keys(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Check which keys of a JSON object come together.

        Args:
            given: The object without nulls; every key is known.

        Returns:
            The object to validate. An absent required key is null in it, so that the validator of
            its field states the expected form.

        Raises:
            FieldError: The keys do not go together.
        """
        return {**dict.fromkeys(cls.required_keys), **given}
