"""Train a network: a shipped one from scratch, or any declared one on labelled examples.

python -m scripts.train cnn
python -m scripts.train lstm
python -m scripts.train --declaration FOLDER --data PICTURES
"""

import argparse
import json
import logging
import platform
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from models.architecture import MAX_STEPS
from models.cnn.training import CNNTrainConfig, CNNTrainer
from models.data.datasets import DatasetError, Digits, mnist
from models.data.examples import read_examples
from models.declaration.declaration import FILE
from models.derivation import read_architecture
from models.model_files import WEIGHTS, ModelFiles
from models.rnn.evaluation import BRIEF_MEASUREMENT, Measurement
from models.rnn.training import LSTMTrainConfig, LSTMTrainer
from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError
from models.runtime.durable_files import write_atomically
from models.runtime.training_loop import Trainer
from models.training.classifier import ClassifierTrainer
from models.training.recipe import FILE as RECIPE
from models.training.recipe import (
    Recipe,
    RecipeError,
    config_of,
    read_recipe,
    shipped_recipe,
)
from scripts import artifacts
from scripts.command_line import fail, script_parser
from scripts.run_directory import Progress, RunDirectory, RunError, claim

Report = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `scripts.train`: train the network that the command line selects; return the status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(format="%(levelname)s: %(message)s")
    parser = _parser()
    options = parser.parse_args(given)
    if options.model is None and (options.declaration is None or options.data is None):
        parser.error("give cnn, lstm, or --declaration and --data")
    command = shlex.join(["python", "-m", "scripts.train", *given])
    try:
        options.output = options.output or Path("runs", options.declaration.resolve().name)
        with claim(options.output, _lasting(options), resume=options.resume) as directory:
            train(options, directory, command)
    except OSError as error:
        return fail("scripts.train", f"cannot write to {options.output}: {error.strerror or error}")
    except (RunError, CheckpointError, DatasetError, ValueError) as error:
        return fail("scripts.train", str(error))
    except KeyboardInterrupt:
        # 130 is the status that shells give a command that SIGINT has ended.
        return fail("scripts.train", "stopped; --resume continues after the last checkpoint", 130)
    return 0


def train(options: argparse.Namespace, directory: RunDirectory, command: str) -> None:
    """Train the network of `scripts.train` for the remaining rounds, then write all results."""
    trainer = _trainer(options)
    with _reporting(trainer.rounds) as report:
        progress = directory.latest(trainer.start())
        if progress.rounds:
            report(f"resuming after round {progress.rounds} of {trainer.rounds}")
        # The untrained network is a checkpoint too, to compare the trained one with.
        if progress.rounds == 0 and 0 in trainer.checkpoint_rounds:
            directory.keep(0, trainer.network(progress.state))
        while progress.rounds < trainer.rounds:
            progress, line = _advance(trainer, progress)
            # Metrics first: resuming drops those of rounds that have no checkpoint.
            directory.record(line)
            report(_sentence(line, trainer.rounds))
            if progress.rounds in trainer.checkpoint_rounds:
                directory.keep(progress.rounds, trainer.network(progress.state))
            if progress.rounds % options.every == 0 or progress.rounds == trainer.rounds:
                directory.save(progress)
        report("evaluating")
        if options.model is None:
            declared = (options.declaration / FILE).read_bytes()
            write_atomically(directory.path / FILE, declared)
        name = options.model or directory.path.resolve().name
        _write_results(trainer, progress, directory, name, command)


def _advance(trainer: Trainer[Any], progress: Progress) -> tuple[Progress, dict[str, Any]]:
    """Run one training round of `scripts.train` and return its progress and metrics."""
    started = time.monotonic()
    state, metrics = trainer.run(progress.state, progress.rounds)
    seconds = progress.seconds + time.monotonic() - started
    done = Progress(state, progress.rounds + 1, seconds)
    return done, {"round": done.rounds, **metrics, "seconds": round(seconds, 2)}


def _write_results(
    trainer: Trainer[Any], progress: Progress, directory: RunDirectory, model: str, command: str
) -> None:
    """Write the results of `scripts.train`: weights, training report and artifacts."""
    tensors, described, report = trainer.finish(progress.state)
    versions = {name: version(name) for name in ("jax", "flax", "optax")}
    versions["python"] = platform.python_version()
    # A declared network's folder is one of a model repository, ready to be served.
    is_declared = isinstance(trainer, ClassifierTrainer)
    weights = directory.path / (WEIGHTS if is_declared else f"{model}.safetensors")
    files = ModelFiles(weights, "" if is_declared else f"{model}.")
    checkpoints.save(weights, tensors, {**described, "versions": versions})
    whole = {
        "model": model,
        "weights": checkpoints.digest(tensors),
        "command": command,
        **described,
        **report,
        "rounds": directory.metrics(),
        "seconds": round(progress.seconds, 1),
        "device": jax.devices()[0].device_kind,
        "versions": versions,
    }
    content = json.dumps(whole, indent=1) + "\n"
    write_atomically(files.report, content.encode())
    print(f"{weights}: {json.dumps(described['metrics'])}")
    if is_declared:
        artifacts.join_checkpoints(model, checkpoints.load(weights), directory, files)
    else:
        artifacts.write_artifacts(model, checkpoints.load(weights), directory, files)


def _trainer(options: argparse.Namespace) -> Trainer[Any]:
    """Build the trainer of the network that the options of `scripts.train` select."""
    if options.model is None:
        return _declared_trainer(options)
    return _cnn_trainer(options) if options.model == "cnn" else _lstm_trainer(options)


def _declared_trainer(options: argparse.Namespace) -> ClassifierTrainer:
    architecture = read_architecture(options.declaration)
    recipe = config_of(Recipe, _hyperparameters(options))
    return ClassifierTrainer(architecture, recipe, read_examples(options.data, architecture))


def _hyperparameters(options: argparse.Namespace) -> dict[str, Any]:
    """Return the hyperparameters of the recipe of `scripts.train`; none without a recipe."""
    path = options.recipe or options.declaration / RECIPE
    if options.recipe is None and not path.exists():
        return {}
    trainer, found = read_recipe(path)
    if trainer != "classifier":
        msg = f"{path.name} is of the trainer {trainer}, which is for a shipped network"
        raise RecipeError(msg)
    return found


def _cnn_trainer(options: argparse.Namespace) -> Trainer[Any]:
    config = replace(
        shipped_recipe("cnn", CNNTrainConfig),
        epochs=options.epochs,
        validation=options.validation,
        seed=options.seed,
    )
    digits = mnist("train")
    shown = Digits(digits.images[: options.images], digits.labels[: options.images])
    return CNNTrainer(config, shown, mnist("test"))


def counting_recipe() -> LSTMTrainConfig:
    """Return the recipe of the shipped LSTM, which options of `scripts.train` change."""
    return shipped_recipe("lstm", LSTMTrainConfig)


def _lstm_trainer(options: argparse.Namespace) -> Trainer[Any]:
    recipe = counting_recipe()
    stages = tuple(
        stage._replace(rounds=min(stage.rounds, options.rounds))
        for stage in recipe.stages
        if stage.length <= options.longest
    )
    if not stages:
        least = recipe.stages[0].length
        msg = f"--longest must be at least {least}, the length of the first stage"
        raise ValueError(msg)
    config = replace(recipe, hidden=options.hidden, stages=stages, seed=options.seed)
    return LSTMTrainer(config, BRIEF_MEASUREMENT if options.brief else Measurement())


def _lasting(options: argparse.Namespace) -> dict[str, Any]:
    """Return the `scripts.train` options that determine the result; a resumed run shares them."""
    passing = {"output", "resume", "every", "brief", "declaration", "recipe", "data"}
    lasting = {name: value for name, value in vars(options).items() if name not in passing}
    if options.model is not None:
        return lasting
    try:
        declared = (options.declaration / FILE).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        msg = f"cannot read {options.declaration / FILE}: {error.strerror}"
        raise RunError(msg) from error
    return {"declaration": declared, "recipe": _hyperparameters(options), "data": options.data}


def _sentence(line: dict[str, Any], rounds: int) -> str:
    """Format one training round's metrics as the line of text that `scripts.train` prints."""
    numbers = (f"{name} {value:.6g}" for name, value in line.items() if name != "round")
    return f"round {line['round']}/{rounds}: {', '.join(numbers)}"


@contextmanager
def _reporting(rounds: int) -> Iterator[Report]:
    """Show the progress of `scripts.train` as a bar on a terminal, and as lines elsewhere.

    Yields:
        A function that takes a message; one that begins with "round" advances the bar.
    """
    if not sys.stdout.isatty():
        yield lambda sentence: print(sentence, flush=True)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns) as bar:
        task = bar.add_task("compiling", total=rounds)

        def show(sentence: str) -> None:
            done = re.match(r"(?:resuming after )?round (\d+)", sentence)
            completed = int(done[1]) if done else None
            bar.update(task, completed=completed, description=sentence)

        yield show


def _parser() -> argparse.ArgumentParser:
    """Declare `scripts.train` options; their defaults trained the weights of Lightwell."""
    parser = script_parser("python -m scripts.train", __doc__)
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
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: runs and the name")
    parser.add_argument("--resume", action="store_true", help="resume the run in --output")
    parser.add_argument("--every", type=_positive, default=1, help="rounds between checkpoints")
    models = parser.add_subparsers(dest="model", required=False)
    cnn = models.add_parser("cnn", help="convolutional network, on MNIST")
    digits, counting = shipped_recipe("cnn", CNNTrainConfig), counting_recipe()
    cnn.add_argument("--epochs", type=_positive, default=digits.epochs)
    cnn.add_argument(
        "--validation",
        type=int,
        default=digits.validation,
        help="number of training images held out",
    )
    cnn.add_argument(
        "--images", type=_positive, help="number of training images, the first of the data set"
    )
    lstm = models.add_parser("lstm", help="recurrent network, on generated sequences")
    lstm.add_argument(
        "--hidden", type=_positive, default=counting.hidden, help="hidden units, 1 to 64"
    )
    lstm.add_argument("--longest", type=int, default=MAX_STEPS, help="longest training sequence")
    most = max(stage.rounds for stage in counting.stages)
    lstm.add_argument(
        "--rounds", type=_positive, default=most, help="most rounds at each sequence length"
    )
    lstm.add_argument("--brief", action="store_true", help="evaluate on fewer sequences at the end")
    for name, config in (("cnn", digits), ("lstm", counting)):
        model = models.choices[name]
        model.add_argument("--seed", type=int, default=config.seed)
        model.add_argument("--output", type=Path, default=Path("runs", name), metavar="DIR")
        model.add_argument("--resume", action="store_true", help="resume the run in --output")
        model.add_argument("--every", type=_positive, default=1, help="rounds between checkpoints")
    return parser


def _positive(text: str) -> int:
    """Parse an option of `scripts.train` that is a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
