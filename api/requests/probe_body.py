"""Body of a probe's route: the input of its model with the extra fields of the probe."""

from collections.abc import Mapping
from functools import cache

from api.requests.declared_body import DeclaredBody, DeclaredInput, declare_body, declare_extra
from api.requests.image_body import ImageBody, ImageInput
from api.requests.sequence_body import SequenceBody, SequenceInput
from models.runtime.programs import Family
from probes.declaration import Probe

BODIES: Mapping[str, type[DeclaredBody]] = {"image": ImageBody, "sequence": SequenceBody}
"""Bodies of probes without extra fields, by the input of a model: `image`, `sequence`."""

FAMILY_NAMES: Mapping[Family, str] = {"image": "cnn", "sequence": "lstm"}
"""First word of the names of schemas of a family's probes, which generated clients hold."""

_INPUTS: Mapping[str, type[DeclaredInput]] = {"image": ImageInput, "sequence": SequenceInput}


@cache
def body_of(probe: Probe) -> type[DeclaredBody]:
    """Return the body of a probe's routes: the declaration of the JSON that they read."""
    kind = probe.family
    if probe.body is None:
        return BODIES[kind]
    name = "".join(
        word.capitalize() for word in f"{FAMILY_NAMES[probe.family]}_{probe.name}_body".split("_")
    )
    declared = declare_extra(f"{name}Item", _INPUTS[kind], probe.body)
    return declare_body(name, declared, f"1 to 64 {kind}s, each with its own extra fields.")
