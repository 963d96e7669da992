"""Warnings: the rules, their sentences, and how often each kind of picture warns."""

from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from api.requests.mnist_preprocessing import preprocess_mnist
from api.requests.model_input import ModelInput
from api.requests.planes import Planes
from models.cnn import ood_detector
from models.data import datasets, samples
from probes.shared.input_warnings import (
    InputWarning,
    ambiguous_warnings,
    blobs,
    digit_sized_blobs,
    image_warnings,
    is_framed,
)
from scripts import ood_test_images
from tests.pictures.reading import Reader

TEST_SPLIT = Path(__file__).parents[2] / "tensorflow_datasets"
OPTICAL_DIGITS = Path(__file__).parents[2] / "data" / "optical-digits.npz"


@pytest.fixture(scope="module")
def known():
    """The shipped reference of familiar images."""
    return ood_detector.load()


def warn(pixels, known):
    """Return an image's warnings."""
    return image_warnings(pixels, known.score(pixels), known.limit)


def codes(pixels, known):
    """Return the codes of an image's warnings."""
    return [notice.code for notice in warn(pixels, known)]


@pytest.fixture(scope="module")
def reader():
    """The shipped network and its detector."""
    return Reader()


def answered(reader, images, labels):
    """Tell for each image whether it warns, and whether it is misread."""
    inputs = [ModelInput({"image": image}) for image in images]
    answers = reader.answers(inputs)
    warned = np.array([bool(answer.warnings) for answer in answers])
    return warned, np.array([answer.label for answer in answers]) != labels


def digit(label):
    """Return a sample of a digit."""
    kept = samples.load()
    return kept.images[np.flatnonzero(kept.labels == label)[0]]


def beside(first, second, gap):
    """Prepare a picture of two digits, one beside the other, in one form of MNIST's size."""
    left, right = first[:, first.any(axis=0)], second[:, second.any(axis=0)]
    ground = np.zeros((28, gap), np.uint8)
    return preprocess_mnist(Planes(np.pad(np.concatenate([left, ground, right], axis=1), 20)))


def bar(pixels, top, bottom):
    """Draw a vertical stroke."""
    pixels[top:bottom, 12:15] = 255
    return pixels


def test_an_empty_picture_is_blank_and_nothing_else(known):
    """No ink gives the warning `blank` alone, with the ink found and the ink needed."""
    notices = warn(np.zeros((28, 28), np.uint8), known)
    assert [notice.code for notice in notices] == ["blank"]
    assert "ink of 0.0 full pixels" in notices[0].message
    assert "at least 10" in notices[0].message


def test_practically_no_ink_is_blank(known):
    """Three dots, or a grey veil over all, are blank; the faintest digit of MNIST is not."""
    dots = np.zeros((28, 28), np.uint8)
    dots[3::10, 14] = 255
    assert codes(dots, known) == ["blank"]
    assert codes(np.full((28, 28), 3, np.uint8), known) == ["blank"]
    assert "blank" not in codes(bar(np.zeros((28, 28), np.uint8), 4, 24), known)


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 7), (4, 0), (8, 3), (6, 9)])
def test_two_digits_side_by_side_are_several_blobs(first, second):
    """Of two digits in one picture one is read, and the warning tells of the other."""
    pair = beside(digit(first), digit(second), 16)
    assert [warning.code for warning in pair.warnings] == ["several-blobs"]


def test_most_digits_in_pairs_are_several_blobs():
    """Of 100 pairs of samples with a gap between them, at least 95 warn."""
    images = samples.load().images
    pairs = [beside(images[n], images[-1 - n], 8) for n in range(100)]
    warned = [pair.warnings or digit_sized_blobs(pair.pixels) > 1 for pair in pairs]
    assert sum(map(bool, warned)) >= 95


def test_two_digits_in_28_pixels_are_several_blobs(known):
    """Two marks in an image that is not prepared warn, and the sentence counts them."""
    pixels = np.zeros((28, 28), np.uint8)
    for column in (7, 19):
        pixels[6:22, column : column + 3] = 255
    assert warn(pixels, known)[0] == InputWarning(
        "several-blobs",
        "The picture has 2 separate blobs of ink; the network was trained on one digit at a time.",
    )


def test_three_digits_are_three_blobs():
    """The count is of all digits in the picture."""
    pixels = np.zeros((28, 28), np.uint8)
    for column in (5, 13, 21):
        pixels[8:20, column : column + 2] = 255
    assert digit_sized_blobs(pixels) == 3


def test_a_detached_stroke_is_part_of_its_digit():
    """The top of a 5 that does not touch the rest, and a speck, are no second blob."""
    pixels = bar(np.zeros((28, 28), np.uint8), 9, 24)
    pixels[4:6, 15:23] = 255
    pixels[20, 4] = 255
    assert len(blobs(pixels > 0)) == 3  # bar, top and speck
    assert digit_sized_blobs(pixels) == 1


def test_pixels_belong_together_across_a_gap_of_one():
    """A gap of one pixel joins, a gap of two parts."""
    ink = np.zeros((9, 12), np.bool_)
    ink[4, [1, 2, 4, 7]] = True
    together, alone = blobs(ink)
    assert np.flatnonzero(together[4]).tolist() == [1, 2, 4]
    assert np.flatnonzero(alone[4]).tolist() == [7]
    np.testing.assert_array_equal(together | alone, ink)


def test_a_long_winding_stroke_is_one_blob():
    """A spiral is one blob, however long the way from end to end."""
    ink = np.zeros((28, 28), np.bool_)
    ink[::4] = True
    ink[1:4, -1] = ink[9:12, -1] = ink[17:20, -1] = True
    ink[5:8, 0] = ink[13:16, 0] = ink[21:24, 0] = True
    assert len(blobs(ink)) == 1


def test_an_unfamiliar_picture_says_score_and_limit(known):
    """The sentence has the score of the picture and the score that digits stay below."""
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    message = {n.code: n.message for n in warn(noise, known)}["unfamiliar"]
    assert f"scores {known.score(noise):.1f} " in message
    assert f"below {known.limit:.1f}." in message


def test_at_most_one_in_a_hundred_test_digits_warns(known):
    """All 10,000 images of the MNIST test set, all rules about the image: at most 1 % warn."""
    images = datasets.mnist("test", TEST_SPLIT).images
    assert len(images) == 10_000
    assert ood_test_images.share_warned(images, known) <= 0.01


def test_misread_test_digits_warn_more_often_than_others(reader):
    """At most 1 % of the MNIST test images that are read rightly warn, and half of others."""
    images, labels = datasets.mnist("test", TEST_SPLIT)
    warned, wrong = answered(reader, images, labels)
    assert warned[~wrong].mean() <= 0.01
    assert warned[wrong].mean() >= 0.5


def test_few_digits_of_other_hands_warn(reader):
    """Of 1,797 small digits of 13 writers 97 % are right, 10 % warn, and half of those misread."""
    with np.load(OPTICAL_DIGITS) as kept:
        small, labels = kept["images"], kept["labels"]
    levels = np.rint(small * (255 / 16)).astype(np.uint8)
    images = [preprocess_mnist(Planes(image)).pixels for image in levels]
    warned, wrong = answered(reader, images, labels)
    assert wrong.mean() <= 0.03
    assert warned.mean() <= 0.1
    assert warned[wrong].mean() >= 0.5


def test_an_image_between_two_digits_is_ambiguous():
    """Below a probability of 0.7 the warning names the two likeliest digits; above is none."""
    names = [str(digit) for digit in range(10)]
    shares = np.full(10, 0.01)
    shares[[9, 3]] = 0.52, 0.4
    assert ambiguous_warnings(shares, names) == [
        InputWarning(
            "ambiguous",
            "The picture may be a 9 or a 3: the network gives them probabilities of 0.52 and 0.40, "
            "and nearly all digits one of at least 0.7.",
        )
    ]
    shares[[9, 3]] = 0.7, 0.22
    assert ambiguous_warnings(shares, names) == []


@pytest.mark.parametrize("kind", [*ood_test_images.NOISE, *ood_test_images.TEXTURES])
def test_noise_and_textures_warn(kind, known):
    """At least 90 % of each kind of noise and texture warn."""
    draw = {**ood_test_images.NOISE, **ood_test_images.TEXTURES}[kind]
    images = ood_test_images.draw_many(draw, 60, 11)
    assert ood_test_images.share_warned(images, known) >= 0.9


def test_letters_warn(known):
    """At least 88 % of letters that no digit looks like, drawn with a pen, warn."""
    draw = ood_test_images.plotted_one_of(ood_test_images.PLOTTED)
    assert ood_test_images.share_warned(ood_test_images.draw_many(draw, 300, 12), known) >= 0.88


def test_drawn_digits_seldom_warn(known):
    """Of digits drawn with a pen, thick or thin and turned, fewer than one in ten warns."""
    draw = ood_test_images.plotted_one_of(ood_test_images.PLOTTED_DIGITS)
    assert ood_test_images.share_warned(ood_test_images.draw_many(draw, 300, 13), known) < 0.1


def test_printed_digits_seldom_warn(known):
    """Of digits in Pillow's own font, fewer than one in ten warns."""
    draw = ood_test_images.printed_one_of("0123456789", [ImageFont.load_default(50)])
    assert ood_test_images.share_warned(ood_test_images.draw_many(draw, 100, 14), known) < 0.1


def test_a_frame_is_told_as_such(known):
    """A digit in a frame, sent without preprocessing, has the warning `frame`."""
    pixels = digit(3).copy()
    pixels[1:3, 1:27] = pixels[25:27, 1:27] = pixels[1:27, 1:3] = pixels[1:27, 25:27] = 255

    assert is_framed(pixels)
    assert not any(is_framed(image) for image in samples.load().images)
    if known.score(pixels) > known.limit:
        assert "frame" in codes(pixels, known)


def test_a_digit_on_its_side_is_told_as_such(known):
    """Most digits that are turned by 90 degrees and warn have the warning `sideways`."""
    turned = [np.rot90(image) for image in samples.load().images]
    found = [image_warnings(one, known.score(one), known.limit, known.score) for one in turned]
    warned = [warnings for warnings in found if warnings]
    sideways = [warnings for warnings in warned if any(one.code == "sideways" for one in warnings)]

    assert len(sideways) > 0.5 * len(warned) > 10
