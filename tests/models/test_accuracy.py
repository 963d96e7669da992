"""The shipped weights are as accurate as their reports say: measured again, on everything."""

import json
from dataclasses import asdict
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

from models.cnn.simple_cnn import simple_cnn
from models.cnn.training import CNNTrainConfig, classify
from models.data.datasets import mnist
from models.model_files import shipped_files
from models.rnn import evaluation, structured_sequences
from models.rnn.programs import graph_definition
from models.rnn.training import LSTMTrainConfig
from models.runtime import checkpoints
from models.runtime.parameters import GraphDefinition
from models.training.recipe import shipped_recipe
from tests.networks import counting_lstm

TEST_COPY = Path(__file__).parents[1] / "tensorflow_datasets"


def shipped(name):
    """Read shipped weights and the report of how they were made."""
    checkpoint = checkpoints.load(shipped_files(name).weights)
    report = json.loads(shipped_files(name).report.read_text())
    return checkpoint, report


@pytest.fixture(scope="module")
def counter():
    checkpoint, _ = shipped("lstm")
    hidden = checkpoint.metadata["architecture"]["hidden"]
    graphdef = graph_definition(counting_lstm(hidden))
    graphdef.check(checkpoint.tensors)
    return graphdef.merge(jax.device_put(checkpoint.tensors))


def test_the_cnn_is_right_on_99_65_percent_of_all_test_images():
    """Of the 10,000 MNIST test images the shipped CNN gets those wrong that its report lists."""
    checkpoint, report = shipped("cnn")
    graphdef = GraphDefinition(lambda: simple_cnn(nnx.Rngs(0)))
    graphdef.check(checkpoint.tensors)
    _, parameters = nnx.split(graphdef.merge(jax.device_put(checkpoint.tensors)))
    digits = mnist("test", TEST_COPY)
    guesses = classify(parameters, digits.images)
    wrong = np.flatnonzero(guesses != digits.labels)
    assert len(guesses) == 10_000
    assert len(wrong) <= 35
    # Another processor rounds otherwise; an image on the very edge may fall to the other side.
    assert len(set(wrong) ^ set(report["misclassified_test_images"])) <= 2


def test_the_lstm_is_right_on_every_sequence_up_to_length_16(counter):
    """No sequence of 1 to 16 bits, of which there are 131,070, is an error."""
    assert evaluation.exhaustive_errors(counter, 16) == [0] * 16


@pytest.mark.parametrize("flip", [0.5, 0.7, 0.8, 0.9, 0.95, 0.99])
def test_the_lstm_is_right_on_markov_sequences_of_4096_bits(counter, flip):
    """No answer after any bit of Markov sequences is an error, however often they flip."""
    bits = structured_sequences.markov(np.random.default_rng(1), 50, 4_096, (flip, flip))
    assert (
        evaluation.running_answers(counter, bits) == (structured_sequences.margins(bits) > 0)
    ).all()


@pytest.mark.parametrize("kind", structured_sequences.SEQUENCE_KINDS)
def test_the_lstm_is_right_on_every_kind_of_sequence(counter, kind):
    """No answer after any bit of sequences of each kind is an error, up to 4,096 bits."""
    draw = structured_sequences.SEQUENCE_KINDS[kind]
    bits = draw(np.random.default_rng(2), 50, 4_096)
    assert (
        evaluation.running_answers(counter, bits) == (structured_sequences.margins(bits) > 0)
    ).all()


@pytest.mark.parametrize("name", ["cnn", "lstm"])
def test_a_report_belongs_to_the_shipped_weights(name):
    """Weights and report name each other, and agree on the metrics and on how they were made."""
    checkpoint, report = shipped(name)
    assert report["weights"] == checkpoint.digest
    assert report["metrics"] == checkpoint.metadata["metrics"]
    assert report["seed"] == checkpoint.metadata["seed"]
    assert report["command"] == f"python -m scripts.train {name}"
    assert report["rounds"][-1]["round"] == len(report["rounds"])


@pytest.mark.parametrize(("name", "kind"), [("cnn", CNNTrainConfig), ("lstm", LSTMTrainConfig)])
def test_the_default_recipe_made_the_shipped_weights(name, kind):
    """Training with default options follows the recipe that the report records."""
    _, report = shipped(name)
    assert report["recipe"] == json.loads(json.dumps(asdict(shipped_recipe(name, kind))))


def test_the_reports_say_what_the_targets_are_measured_by():
    """The reports cover all 10,000 images, and all sequences to 20 bits."""
    _, cnn = shipped("cnn")
    assert cnn["metrics"]["test_accuracy"] >= 0.9965
    assert np.sum(cnn["confusion"]["counts"]) == 10_000
    checkpoint, lstm = shipped("lstm")
    assert lstm["exhaustive"]["errors_by_length"] == [0] * 20
    assert lstm["kinds"].keys() >= {*structured_sequences.SEQUENCE_KINDS, "every_periodic"}
    for kind in lstm["kinds"].values():
        assert kind["wrong_answers"] == 0
        assert kind["sequences"] >= 2_000
        assert kind["length"] == 4_096
    assert lstm["metrics"]["test_errors"] == 0
    assert checkpoint.metadata["tested_length"] == 4_096
