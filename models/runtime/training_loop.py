"""Training loop of every network: training state, gradient steps, and tensors on disk."""

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
State = TypeVar("State")
T = TypeVar("T")
U = TypeVar("U")


class TrainingState(NamedTuple):
    """State of a training loop between steps: parameters, moving average, optimiser, step number.

    There is no random key: random numbers of a step follow from the seed and the step's number, so
    that an interrupted run resumes with equal results.
    """

    parameters: ParameterState
    average: ParameterState
    optimiser: optax.OptState
    step: Int[Array, ""]


class Trainer(Protocol[State]):
    """Training loop in rounds, each of which the device runs without interruption.

    Attributes:
        rounds: Number of rounds.
        checkpoint_rounds: Numbers of rounds after which the parameters are kept; 0 is before
            the first.
    """

    rounds: int
    checkpoint_rounds: tuple[int, ...]

    def start(self) -> State:
        """Return the state of a training loop before the first round."""

    def run(self, state: State, number: int) -> tuple[State, Metrics]:
        """Run one round of a training loop, a deterministic function of state and number."""

    def network(self, state: State) -> Tensors:
        """Return the parameters that would be served if the training loop ended here."""

    def finish(self, state: State) -> tuple[Tensors, dict[str, Any], dict[str, Any]]:
        """Finish a training loop: return final parameters, metadata of their file, and report."""


def initial_state(
    parameters: ParameterState, optimiser: optax.GradientTransformation
) -> TrainingState:
    """Return the first state of a training loop; the moving average starts at the parameters."""
    # A copy: the state is donated to each round, and one buffer cannot be donated twice.
    average = jax.tree.map(jnp.copy, parameters)
    return TrainingState(parameters, average, optimiser.init(parameters), jnp.zeros((), jnp.int32))


def gradient_step(
    state: TrainingState,
    loss: Callable[[ParameterState], tuple[Float[Array, ""], Any]],
    optimiser: optax.GradientTransformation,
    keep: float,
) -> tuple[TrainingState, Float[Array, ""], Any]:
    """Take one step of a training loop: compute gradients of any loss and apply them.

    Args:
        state: State before the step.
        loss: Returns the loss of parameters, and auxiliary values.
        optimiser: Turns gradients into updates.
        keep: Decay rate of the moving average, in [0, 1). It is smaller early in a run.

    Returns:
        The state after the step, the loss and the auxiliary values.
    """
    (value, auxiliary), gradients = jax.value_and_grad(loss, has_aux=True)(state.parameters)
    return apply_gradients(state, gradients, optimiser, keep), value, auxiliary


def apply_gradients(
    state: TrainingState,
    gradients: ParameterState,
    optimiser: optax.GradientTransformation,
    keep: float,
) -> TrainingState:
    """Apply gradients to a training loop's state and update its moving average.

    Arguments are as of `gradient_step`.
    """
    # Optax raises floats to integer powers, which strict promotion does not allow.
    with jax.numpy_dtype_promotion("standard"):
        updates, memory = optimiser.update(gradients, state.optimiser, state.parameters)
        parameters = optax.apply_updates(state.parameters, updates)
    steps = state.step.astype(jnp.float32)
    # As TensorFlow's moving average: a short memory early on, when parameters change fast.
    kept = jnp.minimum(keep, (1.0 + steps) / (10.0 + steps))
    average = jax.tree.map(
        lambda old, new: kept * old + (1.0 - kept) * new, state.average, parameters
    )
    return TrainingState(parameters, average, memory, state.step + 1)


def mean_over_microbatches(measure: Callable[[T], U], parts: T) -> U:
    """Return the mean of a training loop's function over microbatches, one after the other.

    It takes the memory of one microbatch instead of the whole batch.

    Args:
        measure: Function of one microbatch that returns floats, in arrays of constant shapes.
        parts: Arrays whose first axis is that of microbatches.
    """
    number = len(jax.tree.leaves(parts)[0])

    def add(total: U, part: T) -> tuple[U, None]:
        return jax.tree.map(jnp.add, total, measure(part)), None

    one = jax.eval_shape(measure, jax.tree.map(lambda rows: rows[0], parts))
    total, _ = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, one), parts)
    mean: U = jax.tree.map(lambda value: value / number, total)
    return mean


def parameter_tensors(module: nnx.Module) -> Tensors:
    """Copy parameters of a training loop to the host, by module path, such as `conv1.kernel`."""
    return {name: np.asarray(value) for name, value in named(module).items()}


def state_tensors(state: Any) -> Tensors:
    """Return every array of a training loop's state by its key path.

    Scalars become arrays of one value.
    """
    leaves, _ = jax.tree.flatten_with_path(state)
    return {jax.tree_util.keystr(path): np.atleast_1d(np.asarray(leaf)) for path, leaf in leaves}


def restore_state(tensors: Mapping[str, np.ndarray], like: State) -> State:
    """Restore the state of a training loop from the arrays that `state_tensors` returned.

    Args:
        tensors: Arrays by key path.
        like: State of the same structure, such as that before the first step.

    Raises:
        CheckpointError: The arrays belong to another network or another optimiser.
    """
    # Key paths name the structure, so that a checkpoint of another optimiser is refused.
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
    state: State = jax.tree.unflatten(structure, whole)
    return state
