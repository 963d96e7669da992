"""SimpleCNN trained by a plain PyTorch script: `python torch_training.py MNIST.npz EPOCHS`.

Adam with its defaults, batches in shuffled order, PyTorch's default number of threads. Batches are
taken by index, since a DataLoader would collate them image by image.
"""

import json
import sys
import time

import numpy as np
import torch  # type: ignore[import-not-found]
from torch import nn

BATCH = 128


def network() -> nn.Sequential:
    """Build the layers of SimpleCNN in PyTorch, for the plain training script."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(7 * 7 * 64, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """Scale intensities to [0, 1] and add the channel, for training in PyTorch."""
    return torch.from_numpy(images)[:, None].float() / 255


def epoch(
    model: nn.Module, optimiser: torch.optim.Optimizer, images: torch.Tensor, labels: torch.Tensor
) -> None:
    """Train in PyTorch for one epoch; the last incomplete batch is dropped, as by Lightwell."""
    criterion = nn.CrossEntropyLoss()
    order = torch.randperm(len(images))
    for chosen in order[: len(order) // BATCH * BATCH].split(BATCH):
        optimiser.zero_grad()
        criterion(model(images[chosen]), labels[chosen]).backward()
        optimiser.step()


def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of images that SimpleCNN in PyTorch classifies correctly."""
    with torch.inference_mode():
        guesses = torch.cat([model(part).argmax(dim=1) for part in images.split(1_000)])
    return float((guesses == labels).double().mean())


def main(path: str, epochs: int, *, channels_last: bool) -> None:
    """Train SimpleCNN in PyTorch; print each epoch's seconds and test accuracy as one JSON line."""
    torch.manual_seed(0)
    data = np.load(path)
    images, test_images = to_tensor(data["images"]), to_tensor(data["test_images"])
    labels = torch.from_numpy(data["labels"]).long()
    test_labels = torch.from_numpy(data["test_labels"]).long()
    model = network()
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(model.parameters())
    seconds, accuracies = [], []
    for _ in range(epochs):
        began = time.perf_counter()
        epoch(model, optimiser, images, labels)
        seconds.append(time.perf_counter() - began)
        accuracies.append(accuracy(model, test_images, test_labels))
    print(json.dumps({"seconds": seconds, "accuracies": accuracies}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), channels_last="--channels-last" in sys.argv)
