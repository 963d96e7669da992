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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any, NamedTuple

import jax

from models.architecture import Architecture
from models.cnn.training import CNNTrainConfig, CNNTrainer
from models.data.datasets import DatasetError, Digits, mnist
from models.data.examples import read_examples
from models.declaration.declaration import (
    FILE,
    MAX_BYTES,
    parse_declaration,
    without_reference,
)
from models.declaration.toml_file import read_text
from models.derivation import derive
from models.model_files import WEIGHTS, ModelFiles, chosen_files
from models.rnn.evaluation import BRIEF_MEASUREMENT, Measurement
from models.rnn.training import LSTMTrainer
from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError
from models.runtime.durable_files import write_atomically
from models.runtime.training_loop import Trainer
from models.training.classifier import ClassifierTrainer
from models.training.recipe import FILE as RECIPE_FILE
from models.training.recipe import (
    Recipe,
    RecipeError,
    config_of,
    read_recipe,
    shipped_recipe,
)
from scripts import artifacts
from scripts.command_line import fail
from scripts.run_directory import RECIPE, Progress, RunDirectory, RunError, claim
from scripts.training_options import counting_recipe, parse

Report = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """Training run that the command line of `scripts.train` selects.

    Attributes:
        lasting: Options that determine the result; a resumed run shares them.
        declaration: Text of the declaration, as it was when the run began; None for a network that
            ships.
    """

    trainer: Trainer[Any]
    lasting: Mapping[str, Any]
    declaration: str | None = None


class Declared(NamedTuple):
    """Declared network that `scripts.train` trains.

    Attributes:
        text: Text of the declaration, without the line of a reference.
    """

    text: str
    architecture: Architecture
    recipe: Recipe


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `scripts.train`: train the network that the command line selects; return the status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(format="%(levelname)s: %(message)s")
    options = parse(given, __doc__)
    command = shlex.join(["python", "-m", "scripts.train", *given])
    try:
        # Before anything is written: a wrong path leaves no folder.
        declared = None if options.model else _declared(options)
        with claim(options.output, resume=options.resume, results=_results(options)):
            train(_job(options, declared), options, command)
    except OSError as error:
        return fail("scripts.train", f"cannot write to {options.output}: {error.strerror or error}")
    except (RunError, CheckpointError, DatasetError, ValueError) as error:
        return fail("scripts.train", str(error))
    except KeyboardInterrupt:
        # 130 is the status that shells give a command that SIGINT has ended.
        return fail("scripts.train", "stopped; --resume continues after the last checkpoint", 130)
    return 0


def train(job: Job, options: argparse.Namespace, command: str) -> None:
    """Train the network of `scripts.train` for the remaining rounds, then write all results."""
    trainer, directory = job.trainer, RunDirectory(options.output, job.lasting)
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
        if job.declaration is not None:
            write_atomically(directory.path / FILE, job.declaration.encode())
        _write_results(trainer, progress, directory, options, command)


def _advance(trainer: Trainer[Any], progress: Progress) -> tuple[Progress, dict[str, Any]]:
    """Run one training round of `scripts.train` and return its progress and metrics."""
    started = time.monotonic()
    state, metrics = trainer.run(progress.state, progress.rounds)
    seconds = progress.seconds + time.monotonic() - started
    done = Progress(state, progress.rounds + 1, seconds)
    return done, {"round": done.rounds, **metrics, "seconds": round(seconds, 2)}


def _files(options: argparse.Namespace) -> ModelFiles:
    """Return the files of results of `scripts.train`.

    The folder of a declared network is one of a model repository, ready to be served.
    """
    if options.model is None:
        return ModelFiles(options.output / WEIGHTS)
    return chosen_files(options.model, options.output)


def _results(options: argparse.Namespace) -> list[str]:
    """Return the names of the files by which `scripts.train` would replace another network."""
    return [_files(options).weights.name, *([FILE] if options.model is None else [])]


def _write_results(
    trainer: Trainer[Any],
    progress: Progress,
    directory: RunDirectory,
    options: argparse.Namespace,
    command: str,
) -> None:
    """Write the results of `scripts.train`: weights, training report and artifacts."""
    tensors, described, report = trainer.finish(progress.state)
    versions = {name: version(name) for name in ("jax", "flax", "optax")}
    versions["python"] = platform.python_version()
    model, files = options.model or directory.path.resolve().name, _files(options)
    checkpoints.save(files.weights, tensors, {**described, "versions": versions})
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
    print(f"{files.weights}: {json.dumps(described['metrics'])}")
    trained = checkpoints.load(files.weights)
    if options.model is None:
        artifacts.join_checkpoints(model, trained, directory, files)
    else:
        artifacts.write_artifacts(model, trained, directory, files)


def _job(options: argparse.Namespace, declared: Declared | None) -> Job:
    """Read all that the training run needs that the options of `scripts.train` select."""
    if declared:
        return _declared_job(declared, options.data)
    passing = {"output", "resume", "every", "brief", "declaration", "recipe", "data"}
    lasting = {name: value for name, value in vars(options).items() if name not in passing}
    trainer = _trainer(options)
    # Those that no option sets may change with the version; as JSON has them, without tuples.
    recipe = json.loads(json.dumps(asdict(trainer.config)))
    rest = {name: value for name, value in recipe.items() if name not in lasting}
    return Job(trainer, {**lasting, RECIPE: rest})


def _trainer(options: argparse.Namespace) -> CNNTrainer | LSTMTrainer:
    """Build the trainer of a network that ships."""
    return _cnn_trainer(options) if options.model == "cnn" else _lstm_trainer(options)


def _declared(options: argparse.Namespace) -> Declared:
    """Read the declaration and the recipe of a declared network."""
    # The reference has answers of other weights.
    text = without_reference(read_text(options.declaration / FILE, MAX_BYTES))
    architecture = derive(parse_declaration(text))
    return Declared(text, architecture, config_of(Recipe, _hyperparameters(options)))


def _declared_job(declared: Declared, data: str) -> Job:
    """Read the examples of a declared network."""
    text, architecture, recipe = declared
    examples = read_examples(data, architecture)
    lasting = {
        "declaration": text,
        RECIPE: asdict(recipe),
        # Of equal examples in equal order the same ones are held out.
        "data": checkpoints.digest(examples._asdict()),
    }
    return Job(ClassifierTrainer(architecture, recipe, examples), lasting, text)


def _hyperparameters(options: argparse.Namespace) -> dict[str, Any]:
    """Return the hyperparameters of the recipe of `scripts.train`; none without a recipe."""
    path = options.recipe or options.declaration / RECIPE_FILE
    if options.recipe is None and not path.exists():
        return {}
    trainer, found = read_recipe(path)
    if trainer != "classifier":
        msg = f"{path.name} is of the trainer {trainer}, which is for a shipped network"
        raise RecipeError(msg)
    return found


def _cnn_trainer(options: argparse.Namespace) -> CNNTrainer:
    config = replace(
        shipped_recipe("cnn", CNNTrainConfig),
        epochs=options.epochs,
        validation=options.validation,
        seed=options.seed,
    )
    digits = mnist("train")
    shown = Digits(digits.images[: options.images], digits.labels[: options.images])
    return CNNTrainer(config, shown, mnist("test"))


def _lstm_trainer(options: argparse.Namespace) -> LSTMTrainer:
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


if __name__ == "__main__":
    sys.exit(main())
