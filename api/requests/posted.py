"""Posted inputs: a body in any of its forms, parsed and validated by its declaration."""

from typing import Any, NamedTuple

from api.requests.body import Body
from api.requests.declared_body import DeclaredBody, count_of
from api.requests.form_fields import check_json_keys
from api.requests.image_body import ImageBody
from api.requests.json_parsing import parse_json
from api.requests.multipart import Form, parse_form
from api.requests.validation import validate
from models.architecture import Architecture


class PostedInputs(NamedTuple):
    """Posted inputs of one request body: validated, images not yet decoded.

    Attributes:
        inputs: In the order of the body; at least one.
        container: Key or form field that holds several, such as `inputs` or `file`; None for one
            input.
    """

    inputs: list[Any]
    container: str | None


class ParsedBody(NamedTuple):
    """Parsed request body: its value as JSON has it, which is not validated.

    Attributes:
        container: Key or form field that holds several inputs.
    """

    value: Any
    container: str

    @property
    def several(self) -> int:
        """Number of a parsed body's inputs in a list; 0 for one input, and where it is no list."""
        return count_of(self.value.get("inputs")) if isinstance(self.value, dict) else 0

    def validated(self, declaration: type[DeclaredBody], network: Architecture) -> PostedInputs:
        """Validate a parsed body by its declaration.

        Args:
            network: Network that the inputs are for.

        Raises:
            Problem: The body is not valid.
        """
        declared = validate(declaration, self.value, network)
        if declared.inputs is None:
            return PostedInputs([declared], None)
        return PostedInputs(declared.inputs, self.container)


def parse_value(body: Body, declaration: type[DeclaredBody]) -> ParsedBody:
    """Parse a request body to its value. CPU work where it is large.

    Args:
        declaration: Declaration of the JSON; the files of a form and a raw image are its `image`.

    Raises:
        Problem: The body is not JSON or a form, or over a limit.
    """
    match body.media_type:
        case "application/json":
            return ParsedBody(parse_json(body.content), "inputs")
        case "multipart/form-data":
            form = body.form or parse_form(body.content, body.parameters)
            return ParsedBody(_value_of(form, declaration), form.field)
        case _:
            return ParsedBody({"image": body.content}, "inputs")


def parse_body(body: Body, declaration: type[DeclaredBody], network: Architecture) -> PostedInputs:
    """Parse a request body to its posted inputs, by its declaration. CPU work where it is large.

    Args:
        declaration: As in `parse_value`.
        network: Network that the inputs are for.

    Raises:
        Problem: The body is not valid, or over a limit.
    """
    return parse_value(body, declaration).validated(declaration, network)


def _value_of(form: Form, declaration: type[DeclaredBody]) -> dict[str, Any]:
    """Return the posted images of a form as JSON would have them.

    Raises:
        Problem: A field has the name of a probe's extra field, which is read from JSON only.
    """
    extra = declaration.known_keys.keys() - ImageBody.known_keys.keys()
    check_json_keys(extra, [*form.names, *(name for name, _ in form.texts)])
    images = [{"image": content} for content in form.images]
    return images[0] if len(images) == 1 else {"inputs": images}
