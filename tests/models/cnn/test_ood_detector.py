"""OOD detector: arithmetic, score and file."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.cnn import ood_detector
from models.cnn.ood_detector import NEITHER, SHAPES, OODDetector
from models.data import samples
from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError


@pytest.fixture
def random_parameters():
    """Weights that no training made."""
    random = np.random.default_rng(3)
    return {name: random.normal(0, 0.1, shape) for name, shape in SHAPES.items()}


def convolved(maps, kernel, side):
    """Convolve with stride 2 as JAX does, from the kernel's flat form."""
    shaped = kernel.reshape(side, side, maps.shape[-1], -1).astype(np.float32)
    order = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(maps, shaped, (2, 2), "VALID", dimension_numbers=order)


def test_forward_is_two_convolutions_and_two_dense_layers(random_parameters):
    """Patches and matrix products equal JAX's own convolution."""
    images = np.random.default_rng(4).random((5, 28, 28))
    weights = {name: jnp.asarray(value, jnp.float32) for name, value in random_parameters.items()}
    maps = jnp.asarray(images[..., None], jnp.float32)
    for number, side in ((1, 5), (2, 3)):
        kernel, bias = weights[f"conv{number}.kernel"], random_parameters[f"conv{number}.bias"]
        maps = jax.nn.relu(np.asarray(convolved(maps, kernel, side)) + bias.astype(np.float32))
    hidden = np.maximum(
        np.asarray(maps, np.float64).reshape(5, -1) @ random_parameters["dense1.kernel"]
        + random_parameters["dense1.bias"],
        0,
    )
    expected = hidden @ random_parameters["output.kernel"] + random_parameters["output.bias"]
    np.testing.assert_allclose(
        ood_detector.forward(random_parameters, images), expected, rtol=1e-4, atol=1e-4
    )


def test_a_score_is_the_log_odds_of_no_digit(random_parameters):
    """The logistic of the score is the softmax's probability of the eleventh class."""
    known = OODDetector(random_parameters, 0.0)
    images = samples.load().images[:20]
    logits = ood_detector.forward(random_parameters, images.astype(np.float32) / 255)
    neither = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))[:, NEITHER]
    np.testing.assert_allclose(1 / (1 + np.exp(-known.scores(images))), neither, rtol=1e-5)


def test_a_program_scores_as_numpy_does(random_parameters):
    """The CNN's programs compute the score of `OODDetector.scores`."""
    known, images = OODDetector(random_parameters, 0.0), samples.load().images
    intensities = images[..., None].astype(np.float32) / 255
    scores = ood_detector.ood_scores(known.program_parameters, jnp.asarray(intensities))
    np.testing.assert_allclose(scores[:, 0], known.scores(images), atol=2e-4)


def test_a_score_stays_finite_for_huge_logits(random_parameters):
    """Logits whose exponentials overflow have a score all the same."""
    huge = {name: value * 1e3 for name, value in random_parameters.items()}
    assert np.isfinite(OODDetector(huge, 0.0).scores(samples.load().images)).all()


def test_an_image_scores_the_same_alone_and_among_others():
    """A score does not depend on the batch."""
    known, images = ood_detector.load(), samples.load().images[:30]
    together = known.scores(images)
    np.testing.assert_allclose([known.score(image) for image in images], together, atol=1e-4)


def test_the_record_knows_digits_from_their_shuffled_pixels():
    """Digits score below the limit; the same pixels in random places score above it."""
    known, images = ood_detector.load(), samples.load().images
    shuffled = np.random.default_rng(0).permuted(images.reshape(len(images), -1), axis=1)
    assert (known.scores(images) <= known.limit).mean() > 0.97
    assert (known.scores(shuffled.reshape(images.shape)) > known.limit).mean() > 0.97


def test_an_altered_weight_is_noticed():
    """The score depends on every tensor of the file."""
    known, images = ood_detector.load(), samples.load().images[:20]
    before = known.scores(images)
    for name in SHAPES:
        altered = {**known.parameters, name: known.parameters[name][..., ::-1]}
        assert not np.allclose(OODDetector(altered, known.limit).scores(images), before), name


def test_what_is_saved_is_loaded(tmp_path, random_parameters):
    """Weights, limit and facts come back as they were."""
    path = tmp_path / "reference.safetensors"
    ood_detector.save(path, OODDetector(random_parameters, 1.5), {"seed": 7})
    loaded = ood_detector.load(path)
    assert loaded.limit == 1.5
    assert checkpoints.load(path).metadata["seed"] == 7
    for name, value in random_parameters.items():
        np.testing.assert_array_equal(loaded.parameters[name], value)


@pytest.mark.parametrize("fault", ["a tensor too few", "another shape", "no limit"])
def test_another_file_is_refused(fault, tmp_path, random_parameters):
    """A safetensors file with other tensors is refused, and the error names the command."""
    path, metadata = tmp_path / "other.safetensors", {"limit": 1.5}
    if fault == "a tensor too few":
        del random_parameters["output.bias"]
    elif fault == "another shape":
        random_parameters["output.bias"] = np.zeros(10)
    else:
        metadata = {}
    checkpoints.save(path, random_parameters, metadata)
    with pytest.raises(CheckpointError, match=r"other\.safetensors is not an OOD detector"):
        ood_detector.load(path)


def test_the_record_is_small_and_says_how_it_was_made():
    """The file is below 1 MB and names its data, seed and versions."""
    assert ood_detector.PATH.stat().st_size < 1_000_000
    assert {"seed", "data", "limit_from", "versions"} <= set(
        checkpoints.load(ood_detector.PATH).metadata
    )
