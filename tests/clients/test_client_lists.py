"""lightwell_client: lists of inputs and arrays of images, stacked tensors, xarray."""

import sys

import numpy as np
import pytest

from lightwell_client import Answer, AnswerList, Lightwell, LightwellError, Tensor
from tests.clients.scripted import scripted


@pytest.fixture(scope="module")
def images(lightwell: Lightwell) -> np.ndarray:
    """Five test images of MNIST."""
    return np.stack([one.pixels for one in lightwell.samples(count=5)])


def answer(**shapes: tuple[int, ...]) -> Answer:
    """Make an answer with tensors of these shapes."""
    tensors = {
        name: Tensor(name, "hidden", ("step", "unit")[: len(shape)], {}, np.ones(shape))
        for name, shape in shapes.items()
    }
    return Answer("lstm", "digest", None, None, tensors, {}, (), lambda _: b"")


def test_an_array_of_images_is_a_list_whose_tensors_are_stacked(
    lightwell: Lightwell, images: np.ndarray
) -> None:
    """One array has the maps of all images, equal to those of each answer and of a list."""
    found = lightwell.activations(images, layers="relu3")
    listed = lightwell.activations(list(images), layers="relu3")

    assert isinstance(found, AnswerList)
    assert found["relu3"].axes == ("image", "channel", "y", "x")
    assert found["relu3"].shape[0] == len(images) == len(found)
    for index, one in enumerate(found):
        np.testing.assert_array_equal(found["relu3"].values[index], one["relu3"])
    np.testing.assert_array_equal(found["relu3"], listed["relu3"])
    assert [one.prediction.label for one in found[1:3] if one.prediction] == [
        one.prediction.label for one in listed[1:3] if one.prediction
    ]


@pytest.mark.parametrize("form", ["floats", "channel", "wide floats"])
def test_forms_of_an_array_of_images(lightwell: Lightwell, images: np.ndarray, form: str) -> None:
    """Floats of either scale and a channel axis are the images of integers."""
    forms = {
        "floats": images / np.float32(255),
        "channel": images[..., None],
        "wide floats": images.astype(float),
    }

    found = lightwell.activations(forms[form], layers="relu4")

    np.testing.assert_array_equal(found["relu4"], lightwell.activations(images)["relu4"])


def test_a_dark_image_of_an_array_has_the_scale_of_the_others(lightwell: Lightwell) -> None:
    """Levels 0 and 1 among images of 0 to 255 are refused, not taken for floats from 0 to 1."""
    images = np.zeros((2, 28, 28), np.float32)
    images[0, 8:20, 8:20], images[1, 8:20, 8:20] = 255, 1

    with pytest.raises(LightwellError, match=r"inputs\[1\].*levels 0 and 1 only"):
        lightwell.predict(images)


def test_an_array_of_one_image_is_that_image(lightwell: Lightwell, images: np.ndarray) -> None:
    """One image with any axes of length 1 has one answer; an empty array an empty list."""
    for one in (images[0], images[:1], images[0][..., None], images[:1, ..., None]):
        assert isinstance(lightwell.activations(one, layers="relu4"), Answer)
    assert lightwell.activations(images[:0]) == []


@pytest.mark.parametrize("shape", [(5, 28, 28, 4), (2, 2, 28, 28), (28, 28, 4)])
def test_arrays_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    """The error names the shape of the array, or of an image in it, and no request is sent."""
    with pytest.raises(ValueError, match=str(shape[-1])):
        scripted(lambda request: pytest.fail(str(request))).activations(np.zeros(shape, np.uint8))


def test_sequences_of_one_length_are_stacked(lightwell: Lightwell) -> None:
    """Sequences have the axis `sequence`; of several lengths a ValueError names the shapes."""
    assert lightwell.gates(["101", "010"])["forget_gate"].axes == ("sequence", "step", "unit")
    with pytest.raises(ValueError, match=r"\(3, 8\), \(4, 8\)"):
        lightwell.gates(["101", "0101"])["forget_gate"]


def test_missing_tensors_of_a_list() -> None:
    """A name that no answer has, and any name of an empty list, is a KeyError."""
    with pytest.raises(KeyError, match="conv9"):
        AnswerList([answer(hidden=(3, 2))], "sequence")["conv9"]
    with pytest.raises(KeyError, match="empty"):
        AnswerList([], "sequence")["hidden"]


def test_xarray_has_names_and_labels(lightwell: Lightwell, images: np.ndarray) -> None:
    """A data set of xarray has the axes, channels and predictions of the answers."""
    found = lightwell.activations(images, layers=["relu1", "relu3", "relu4"], channels=[3, 7])

    whole = found.to_xarray()

    assert whole.attrs == {"model": "cnn", "weights": found[0].weights}
    assert whole["relu1"].dims == ("image", "channel", "relu1.y", "relu1.x")
    assert whole["relu4"].dims == ("image", "channel")
    assert whole["image.values"].shape == (5, 28, 28)
    np.testing.assert_array_equal(whole["relu3"], found["relu3"])
    np.testing.assert_array_equal(whole["relu3"].sel(channel=7), found["relu3"].take(channel=7))
    labels = [one.prediction.label for one in found if one.prediction]
    assert whole["prediction"].values.tolist() == labels
    assert found[0].to_xarray()["relu4"].dims == ("channel",)
    assert found[0]["relu4"].to_xarray().attrs == {"kind": "post_activation"}


def test_xarray_leaves_out_tensors_without_one_shape() -> None:
    """Values of sequences of several lengths are left out; those of one shape are there."""
    found = AnswerList(
        [answer(hidden=(3, 2), logits=(2,)), answer(hidden=(4, 2), logits=(2,))], "sequence"
    )

    assert list(found.to_xarray()) == ["logits"]


def test_without_xarray_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where xarray is not installed the error is one sentence with the command to install it."""
    monkeypatch.setitem(sys.modules, "xarray", None)

    with pytest.raises(ImportError, match="needs xarray.*pip install xarray"):
        answer(hidden=(3, 2)).to_xarray()


@pytest.fixture(scope="module")
def maps(lightwell: Lightwell, images: np.ndarray) -> AnswerList:
    """Answers to `embedding`, whose tensors have an axis `image` of their own."""
    found = lightwell.embedding(list(images[:2]))
    assert isinstance(found, AnswerList)
    assert found[0]["across"].axes == ("image",)
    return found


def test_an_axis_with_the_name_of_the_lists_is_named_after_its_tensor(maps: AnswerList) -> None:
    """`image` is the place in the list, and `across.image` a test image."""
    across, number = maps["across"], maps[1]["across"].coordinates["image"][5]

    assert across.axes == ("image", "across.image")
    np.testing.assert_array_equal(across.take(image=1), maps[1]["across"])
    point = across.take(image=1, **{"across.image": number})
    np.testing.assert_array_equal(point, maps[1]["across"].take(image=number))


def test_own_axes_in_a_data_set(maps: AnswerList) -> None:
    """A data set of xarray has the axis of the list, and that of each tensor."""
    found = maps.to_xarray()

    assert found["across"].dims == ("image", "across.image")
    assert found.sizes["image"] == 2
    np.testing.assert_array_equal(found["across"][1], maps[1]["across"])


def test_own_axes_in_a_table(maps: AnswerList) -> None:
    """A table of pandas has the place in the list, and the test image of each value."""
    frame = maps.to_frame("across", "label")

    assert list(frame.columns) == [
        "image",
        "prediction",
        "tensor",
        "across.image",
        "label.image",
        "value",
    ]
    rows = frame[(frame["image"] == 1) & (frame["tensor"] == "across")]
    assert rows["across.image"].tolist() == list(maps[1]["across"].coordinates["image"])
    np.testing.assert_array_equal(rows["value"].to_numpy(), maps[1]["across"].values)
