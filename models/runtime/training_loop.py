"""What every training run shares: its state, one step of descent, and its names on disk."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int

from models.runtime.checkpoints import CheckpointError, Tensors
from models.runtime.parameters import named

Metrics = dict[str, int | float]
ParameterState = nnx.State[Any, Any]
T = TypeVar("T")
U = TypeVar("U")


class TrainingState(NamedTuple):
    """All that one step needs of the steps before it.

    There is no random key: what a step draws follows from the seed and its number, so that a run
    that was cut off goes on as if nothing had happened.
    """

    parameters: ParameterState
    average: ParameterState
    optimiser: optax.OptState
    step: Int[Array, ""]


class Trainer(Protocol):
    """A training run in rounds, each of which runs on the device from beginning to end.

    Attributes:
        rounds: How many there are.
        milestones: After how many of them the network is kept, to be looked at later; 0 is before
            the first.
    """

    rounds: int
    milestones: tuple[int, ...]

    def start(self) -> TrainingState:
        """Return the state before the first round."""

    def run(self, state: TrainingState, number: int) -> tuple[TrainingState, Metrics]:
        """Do one round; the same state and number give the same result."""

    def network(self, state: TrainingState) -> Tensors:
        """Return the parameters that would be kept if the run ended here."""

    def finish(self, state: TrainingState) -> tuple[Tensors, dict[str, Any], dict[str, Any]]:
        """Return the parameters to keep, what the file says of them, and the report."""


def begin(parameters: ParameterState, optimiser: optax.GradientTransformation) -> TrainingState:
    """Return the state before the first step: the average starts at the parameters themselves."""
    # A copy of its own: the state is donated to each round, and one buffer cannot be donated twice.
    average = jax.tree.map(jnp.copy, parameters)
    return TrainingState(parameters, average, optimiser.init(parameters), jnp.zeros((), jnp.int32))


def descend(
    state: TrainingState,
    loss: Callable[[ParameterState], tuple[Float[Array, ""], Any]],
    optimiser: optax.GradientTransformation,
    keep: float,
) -> tuple[TrainingState, Float[Array, ""], Any]:
    """Take one step against the gradient.

    Args:
        state: The state before the step.
        loss: Of the parameters; whatever it returns beside the loss comes back as it is.
        optimiser: Turns gradients into updates.
        keep: How much of the moving average stays, in [0, 1). Early in a run less does.
    """
    (value, aside), gradients = jax.value_and_grad(loss, has_aux=True)(state.parameters)
    return follow(state, gradients, optimiser, keep), value, aside


def follow(
    state: TrainingState,
    gradients: ParameterState,
    optimiser: optax.GradientTransformation,
    keep: float,
) -> TrainingState:
    """Take one step against given gradients; the arguments are those of `descend`."""
    # Optax raises floats to integer powers, which strict promotion does not allow.
    with jax.numpy_dtype_promotion("standard"):
        updates, memory = optimiser.update(gradients, state.optimiser, state.parameters)
        parameters = optax.apply_updates(state.parameters, updates)
    steps = state.step.astype(jnp.float32)
    kept = jnp.minimum(keep, (1.0 + steps) / (10.0 + steps))
    average = jax.tree.map(
        lambda old, new: kept * old + (1.0 - kept) * new, state.average, parameters
    )
    return TrainingState(parameters, average, memory, state.step + 1)


def mean_of_parts(measure: Callable[[T], U], parts: T) -> U:
    """Return the mean of what a function of arrays returns for each part, one after the other.

    The mean over a batch takes less memory so than at once: that of one part.

    Args:
        measure: Returns floats, in arrays of the same shapes for each part.
        parts: Arrays with one row for each part.
    """
    number = len(jax.tree.leaves(parts)[0])

    def add(total: U, part: T) -> tuple[U, None]:
        return jax.tree.map(jnp.add, total, measure(part)), None

    one = jax.eval_shape(measure, jax.tree.map(lambda rows: rows[0], parts))
    total, _ = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, one), parts)
    mean: U = jax.tree.map(lambda value: value / number, total)
    return mean


def parameter_tensors(module: nnx.Module) -> Tensors:
    """Copy the parameters to the host, named by their module path, such as `conv1.kernel`."""
    return {name: np.asarray(value) for name, value in named(module).items()}


def state_tensors(state: TrainingState) -> Tensors:
    """Name every array of a state by its place in it; a scalar becomes an array of one."""
    leaves, _ = jax.tree.flatten_with_path(state)
    return {jax.tree_util.keystr(path): np.atleast_1d(np.asarray(leaf)) for path, leaf in leaves}


def restore(tensors: Mapping[str, np.ndarray], like: TrainingState) -> TrainingState:
    """Put named arrays back into the places of a state of the same run.

    Raises:
        CheckpointError: The arrays are those of another network or another optimiser.
    """
    expected = state_tensors(like)
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or name not in expected:
            msg = f"{name} is in only one of the checkpoint and this run"
            raise CheckpointError(msg)
        found, wanted = tensors[name], expected[name]
        if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
            msg = (
                f"{name} is {found.dtype}{found.shape}, this run needs {wanted.dtype}{wanted.shape}"
            )
            raise CheckpointError(msg)
    leaves, structure = jax.tree.flatten(like)
    whole = [
        jnp.asarray(tensors[name]).reshape(leaf.shape)
        for name, leaf in zip(expected, leaves, strict=True)
    ]
    state: TrainingState = jax.tree.unflatten(structure, whole)
    return state
