"""JSON objects of a body: pydantic models that validate a request and document it in OpenAPI."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

from api.errors.problem import SHOWABLE
from models.architecture import Architecture


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
    def _check_object(cls, value: object, info: ValidationInfo) -> dict[str, Any]:
        """Check the keys of a JSON object before any of its values is validated."""
        network = network_of(info)
        known: Collection[str] = cls.known_keys
        if refused := cls.refused_keys(network):
            known = [key for key in known if key not in refused]
        if isinstance(value, dict):
            for key, reason in refused.items():
                if value.get(key) is not None:
                    raise FieldError("invalid-body", reason, key)
        return cls.check_keys(check_object(value, cls.noun, known), network)

    @classmethod
    def refused_keys(cls, network: Architecture) -> Mapping[str, str]:
        """Return the keys of a JSON object that a network does not read, and why, as a sentence."""
        del network
        return {}

    @classmethod
    def check_keys(cls, given: dict[str, Any], network: Architecture) -> dict[str, Any]:
        """Check which keys of a JSON object come together.

        Args:
            given: The object without nulls; every key is known.
            network: The network that it is sent to.

        Returns:
            The object to validate. An absent required key is null in it, so that the validator of
            its field states the expected form.

        Raises:
            FieldError: The keys do not go together.
        """
        del network
        return {**dict.fromkeys(cls.required_keys), **given}


def network_of(info: ValidationInfo) -> Architecture:
    """Return the network that a JSON object is sent to, from the context of its validation."""
    network: Architecture = (info.context or {})["network"]
    return network


def check_object(value: object, noun: str, known: Collection[str]) -> dict[str, Any]:
    """Check that a value is a JSON object of known keys; return it without nulls.

    Args:
        noun: Subject of the sentence of an error.
        known: Keys that may be there.

    Raises:
        FieldError: It is not an object, or has another key.
    """
    if not isinstance(value, dict):
        twice = isinstance(value, str) and value.lstrip().startswith("{")
        way_out = ": it is a text of JSON, encoded twice; send the object itself" if twice else ""
        raise FieldError(
            "invalid-body", f"{noun} must be an object of {', '.join(known)}{way_out}."
        )
    # Pydantic would reject the key, too, but its message would repeat any text of a client.
    if unknown := [key for key in value if key not in known]:
        which = f"key '{unknown[0]}', which" if SHOWABLE.fullmatch(unknown[0]) else "a key that"
        raise FieldError("invalid-body", f"{noun} has {which} is not one of {', '.join(known)}.")
    if None in value.values():
        return {key: item for key, item in value.items() if item is not None}
    return value
