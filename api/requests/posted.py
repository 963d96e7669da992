"""Posted inputs: a body in any of its forms, parsed and validated by its declaration."""

from typing import Any, NamedTuple

from api.requests.body import Body
from api.requests.declared_body import DeclaredBody
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


def parse_body(body: Body, declaration: type[DeclaredBody], network: Architecture) -> PostedInputs:
    """Parse a request body to its posted inputs, by its declaration. CPU work where it is large.

    Args:
        declaration: What JSON must be; the files of a form and a raw image are its `image`.
        network: Network that the inputs are for.

    Raises:
        Problem: The body is not valid, or over a limit.
    """
    value: Any
    container = "inputs"
    match body.media_type:
        case "application/json":
            value = parse_json(body.content)
        case "multipart/form-data":
            form = body.form or parse_form(body.content, body.parameters)
            container, value = form.field, _value_of(form, declaration)
        case _:
            value = {"image": body.content}
    declared = validate(declaration, value, network)
    if declared.inputs is None:
        return PostedInputs([declared], None)
    return PostedInputs(declared.inputs, container)


def _value_of(form: Form, declaration: type[DeclaredBody]) -> dict[str, Any]:
    """Return the posted images of a form as JSON would have them.

    Raises:
        Problem: A field has the name of a probe's extra field, which is read from JSON only.
    """
    extra = declaration.known_keys.keys() - ImageBody.known_keys.keys()
    check_json_keys(extra, [*form.names, *(name for name, _ in form.texts)])
    images = [{"image": content} for content in form.images]
    return images[0] if len(images) == 1 else {"inputs": images}
