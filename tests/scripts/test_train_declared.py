"""Training of a declared network from the command line: its folder, resuming, and refusals."""

import pytest

from models import registry
from scripts import train, verify

LETTERS = """format = 1
classes = ["a", "b"]
input = { alphabet = "ab", encoding = "one-hot" }
layers = ["rnn 3", "dense 2"]
"""


@pytest.fixture
def declared(tmp_path) -> list[str]:
    """Options of a network that is declared in a folder and trained for two epochs."""
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "lightwell.toml").write_text(LETTERS)
    (folder / "recipe.toml").write_text("epochs = 2\nbatch = 4\nvalidation = 0.25\n")
    (tmp_path / "words.txt").write_text("ab a\nba b\n" * 8)
    return ["--declaration", str(folder), "--data", str(tmp_path / "words.txt")]


def test_a_declared_network_is_trained_and_served(tmp_path, declared, capsys):
    """The run's folder has the declaration and the weights; it resumes, and is a model folder."""
    command, output = declared, str(tmp_path / "trained")

    assert train.main([*command, "--output", output]) == 0
    model = registry.load_folder(tmp_path / "trained")
    assert model.name == "trained"
    assert "validation_accuracy" in model.checkpoint.metadata["metrics"]
    assert list(model.training_checkpoints) == ["round-0", "round-1"]
    assert train.main([*command, "--output", output]) == 1
    assert "give --resume" in capsys.readouterr().err
    assert train.main([*command, "--output", output, "--resume"]) == 0
    assert registry.load_folder(tmp_path / "trained").checkpoint.digest == model.checkpoint.digest


def test_a_run_resumes_only_with_equal_examples(tmp_path, declared, monkeypatch, capsys):
    """Another label is another run; the same examples under another name are not."""
    output = ["--output", str(tmp_path / "trained")]
    assert train.main([*declared, *output]) == 0
    monkeypatch.chdir(tmp_path)
    assert train.main([*declared[:2], "--data", "./words.txt", *output, "--resume"]) == 0
    (tmp_path / "words.txt").write_text("ab b\nba a\n" * 8)
    assert train.main([*declared, *output, "--resume"]) == 1
    assert "holds a run with other options: data has changed" in capsys.readouterr().err
    (tmp_path / "letters" / "recipe.toml").write_text("epochs = 3\nbatch = 4\n")
    assert train.main([*declared, *output, "--resume"]) == 1
    assert "epochs was 2, now 3; validation was 0.25, now 0.1\n" in capsys.readouterr().err


def test_the_declaration_of_a_run_is_that_of_its_beginning(tmp_path, declared, monkeypatch):
    """An edit during the training is not in the run's folder, nor is the original's reference."""
    path = tmp_path / "letters" / "lightwell.toml"
    path.write_text(LETTERS + 'reference = "answers.safetensors" # of PyTorch')
    advance = train._advance

    def edited(*arguments):
        path.write_text("edited")
        return advance(*arguments)

    monkeypatch.setattr(train, "_advance", edited)
    assert train.main([*declared, "--output", str(tmp_path / "trained")]) == 0
    assert (tmp_path / "trained" / "lightwell.toml").read_text() == LETTERS
    assert verify.main([str(tmp_path / "trained")]) == 0


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("epochs = 0", "epochs must be from 1"),
        ("epoch = 3", "'epoch' is not known; a recipe has epochs"),
        ("epochs = 'many'", "epochs: "),
        ("trainer = 'digits'", "is of the trainer digits"),
        ("epochs", "is not TOML"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path, recipe, message, capsys):
    """The sentence names the key and its limit, and nothing is trained."""
    (tmp_path / "lightwell.toml").write_text(
        'format = 1\nclasses = ["a", "b"]\ninput = { features = 1 }\n'
        'layers = ["rnn 3", "dense 2"]\n'
    )
    (tmp_path / "recipe.toml").write_text(recipe)
    command = ["--declaration", str(tmp_path), "--data", "none.npz", "--output"]

    assert train.main([*command, str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["weights.safetensors", "lightwell.toml"])
def test_a_folder_of_a_network_is_no_output(tmp_path, name, capsys):
    """A network that was converted or declared by hand is not replaced by a trained one."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "lightwell.toml").write_text(LETTERS)
    (tmp_path / "mine" / name).write_text(LETTERS)
    command = ["--declaration", str(tmp_path), "--data", "none.npz", "--output"]
    assert train.main([*command, str(tmp_path / "mine")]) == 1
    assert f"{name} exists, and no training run wrote it" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--declaration", "MyNet"], ["--declaration", "mine", "--output", "runs/models"]],
)
def test_a_folder_that_no_server_would_name_is_refused(tmp_path, monkeypatch, arguments, capsys):
    """The name of the declared network is checked before the run, which writes nothing."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        train.main([*arguments, "--data", "none.npz"])
    assert "is not possible: a lowercase letter and up to 31" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
