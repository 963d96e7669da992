"""Recipe of a training run: its file, and the sentence for each fault of the file."""

from pathlib import Path

import pytest

from models.training.recipe import RecipeError, read_recipe


def test_a_byte_order_mark_is_no_key(tmp_path: Path) -> None:
    """A recipe of an editor on Windows is that without a mark."""
    path = tmp_path / "recipe.toml"
    path.write_text('trainer = "digits"\nepochs = 3\n', encoding="utf-8-sig")

    assert read_recipe(path) == ("digits", {"epochs": 3})


FAULTS = {
    b"epochs = ": "recipe.toml is not TOML: Invalid value",
    b"epochs = " + b"1" * 5000: "recipe.toml is not TOML: Exceeds",
    b"\xff\xfe": "recipe.toml is not UTF-8 text",
    b"a = " + b"[" * 9000: "recipe.toml has lists or tables that are nested too deeply",
    b".".join([b"a"] * 99) + b" = 1": "recipe.toml has more than 64 dots in line 1",
    b'trainer = "other"': "trainer must be classifier, digits or counting",
}


@pytest.mark.parametrize("content", FAULTS, ids=range(len(FAULTS)))
def test_a_wrong_recipe_is_named(content: bytes, tmp_path: Path) -> None:
    """A file that is no recipe is a sentence with its name and fault."""
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)

    with pytest.raises(RecipeError, match=FAULTS[content]):
        read_recipe(path)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    """A recipe that is not there is a sentence."""
    with pytest.raises(RecipeError, match=r"recipe\.toml: No such file"):
        read_recipe(tmp_path / "recipe.toml")
