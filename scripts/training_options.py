"""Command line of `scripts.train`: its options and their defaults."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from models.architecture import MAX_STEPS
from models.cnn.training import CNNTrainConfig
from models.network_name import NAME_RULE, is_network_name
from models.printable import printable
from models.rnn.training import LSTMTrainConfig
from models.training.recipe import shipped_recipe
from scripts.command_line import script_parser


def parse(arguments: Sequence[str], description: str | None = None) -> argparse.Namespace:
    """Parse the command line of `scripts.train`; a wrong one ends the program.

    Args:
        description: Docstring of the script.
    """
    parser = _parser(description)
    options = parser.parse_args(arguments)
    _check_selection(parser, options)
    name = options.model or options.declaration.resolve().name
    options.output = options.output or Path("runs", name)
    name = options.output.resolve().name
    if options.model is None and not is_network_name(name):
        shown = printable(name, 33)
        parser.error(f"--output names the network, and '{shown}' is not possible: {NAME_RULE}")
    return options


def counting_recipe() -> LSTMTrainConfig:
    """Return the recipe of the shipped LSTM, which options of `scripts.train` change."""
    return shipped_recipe("lstm", LSTMTrainConfig)


def _check_selection(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check that the options of `scripts.train` select one network, shipped or declared."""
    declared = {name: getattr(options, name) for name in ("declaration", "data", "recipe")}
    given = [f"--{name}" for name, value in declared.items() if value is not None]
    if options.model is None and (options.declaration is None or options.data is None):
        parser.error("give cnn, lstm, or --declaration and --data")
    if options.model is not None and given:
        parser.error(f"{options.model} has its own: leave {' and '.join(given)} out")


def _parser(description: str | None) -> argparse.ArgumentParser:
    """Declare `scripts.train` options; their defaults trained the weights of Lightwell."""
    parser = script_parser("python -m scripts.train", description)
    parser.add_argument(
        "--declaration", type=Path, metavar="DIR", help="folder with the lightwell.toml to train"
    )
    parser.add_argument(
        "--data",
        metavar="SOURCE",
        help="folder of pictures by class, .npz with inputs and labels, text file of labelled "
        "sequences, or the name of a TensorFlow data set",
    )
    parser.add_argument(
        "--recipe", type=Path, metavar="FILE", help="recipe (default: recipe.toml of DIR, if any)"
    )
    _add_run_options(parser)
    parser.set_defaults(output=None, resume=False, every=1)
    models = parser.add_subparsers(dest="model", required=False)
    _add_cnn(models.add_parser("cnn", help="convolutional network, on MNIST"))
    _add_lstm(models.add_parser("lstm", help="recurrent network, on generated sequences"))
    return parser


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `scripts.train` that may precede the network or follow it."""
    # A default of the network's parser would replace a value that precedes the network.
    absent = argparse.SUPPRESS
    parser.add_argument(
        "--output", type=Path, default=absent, metavar="DIR", help="default: runs and the name"
    )
    parser.add_argument(
        "--resume", action="store_true", default=absent, help="resume the run in --output"
    )
    parser.add_argument(
        "--every", type=_positive, default=absent, help="rounds between checkpoints (default: 1)"
    )


def _add_cnn(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `scripts.train` for the CNN."""
    recipe = shipped_recipe("cnn", CNNTrainConfig)
    parser.add_argument("--epochs", type=_positive, default=recipe.epochs)
    parser.add_argument(
        "--validation",
        type=int,
        default=recipe.validation,
        help="number of training images held out",
    )
    parser.add_argument(
        "--images", type=_positive, help="number of training images, the first of the data set"
    )
    parser.add_argument("--seed", type=int, default=recipe.seed)
    _add_run_options(parser)


def _add_lstm(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `scripts.train` for the LSTM."""
    recipe = counting_recipe()
    parser.add_argument(
        "--hidden", type=_positive, default=recipe.hidden, help="hidden units, 1 to 64"
    )
    parser.add_argument("--longest", type=int, default=MAX_STEPS, help="longest training sequence")
    most = max(stage.rounds for stage in recipe.stages)
    parser.add_argument(
        "--rounds", type=_positive, default=most, help="most rounds at each sequence length"
    )
    parser.add_argument(
        "--brief", action="store_true", help="evaluate on fewer sequences at the end"
    )
    parser.add_argument("--seed", type=int, default=recipe.seed)
    _add_run_options(parser)


def _positive(text: str) -> int:
    """Parse an option of `scripts.train` that is a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number
