"""Posted inputs: a body in any of its forms, parsed and validated by its declaration."""

from typing import Any, NamedTuple

from api.requests.body import Body
from api.requests.declared_body import DeclaredBody
from api.requests.json_parsing import parse_json
from api.requests.multipart import FILE_FIELD, files_in
from api.requests.validation import validate


class PostedInputs(NamedTuple):
    """Posted inputs of one request body: validated, images not yet decoded.

    Attributes:
        inputs: In the order of the body; at least one.
        container: Key or form field that holds several: `inputs` or `file`; None for one input.
    """

    inputs: list[Any]
    container: str | None


def parse_body(body: Body, declaration: type[DeclaredBody], hidden: int = 0) -> PostedInputs:
    """Parse a request body to its posted inputs, by its declaration. CPU work where it is large.

    Args:
        declaration: What JSON must be; the files of a form and a raw image are its `image`.
        hidden: Number of hidden units of the model, which an initial state must have.

    Raises:
        Problem: The body is not valid, or over a limit.
    """
    value: Any
    container = "inputs"
    match body.media_type:
        case "application/json":
            value = parse_json(body.content)
        case "multipart/form-data":
            container = FILE_FIELD
            images = [{"image": content} for content in files_in(body.content, body.parameters)]
            value = images[0] if len(images) == 1 else {"inputs": images}
        case _:
            value = {"image": body.content}
    declared = validate(declaration, value, {"hidden": hidden})
    if declared.inputs is None:
        return PostedInputs([declared], None)
    return PostedInputs(declared.inputs, container)
