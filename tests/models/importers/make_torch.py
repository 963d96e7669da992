"""Golden files of PyTorch networks: weights, ONNX files, inputs, logits and module outputs.

Run with PyTorch, ONNX and safetensors, which the tests themselves do not need:

    python tests/models/importers/make_torch.py
"""

# ruff: noqa: D102 - forward and __call__ are the network itself

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from safetensors.numpy import save_file
from torch import Tensor, nn

GOLDEN = Path(__file__).parent / "golden"
SYMBOLS = 5
STEPS = 9


class Skip(nn.Module):
    """CNN with batch normalisation, stride and a skip connection: 3×32×32, 7 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(6)
        self.body = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(6, eps=1e-3)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.fc = nn.Linear(6 * 8 * 8, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.stem(x)))
        x = torch.relu(x + self.bn2(self.body(x)))
        return self.fc(torch.flatten(self.pool(x), 1))


class LeNet(nn.Module):
    """LeNet-5 with tanh and average pools."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.Tanh(),
            nn.AvgPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 40), nn.Tanh(), nn.Linear(40, 24), nn.Tanh(), nn.Linear(24, 10)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        return self.classifier(x.view(x.size(0), -1))


class Block(nn.Module):
    """Residual block of ResNet-8, with a 1×1 convolution where the size changes."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters)
            )

    def forward(self, x: Tensor) -> Tensor:
        other = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + other)


class ResNet8(nn.Module):
    """ResNet-8 of narrow layers, with a mean over whole maps."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1, self.layer2, self.layer3 = Block(4, 4, 1), Block(4, 8, 2), Block(8, 12, 2)
        self.fc = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))


def separable() -> nn.Module:
    """Depthwise-separable CNN with several activations, ending in a softmax."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.SiLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU6(),
        nn.Conv2d(8, 12, 1),
        nn.Hardswish(),
        nn.Conv2d(12, 24, 3, padding=2, dilation=2, groups=12),
        nn.GELU(),
        nn.AvgPool2d(3, 2, 1),
        nn.LeakyReLU(0.2),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(24, 5),
        nn.Softmax(1),
    )


class Inception(nn.Module):
    """Network with one module of four branches of different windows."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, stride=2, padding=1)
        self.one = nn.Conv2d(6, 4, 1)
        self.three = nn.Sequential(nn.Conv2d(6, 3, 1), nn.ReLU(), nn.Conv2d(3, 4, 3, padding=1))
        self.five = nn.Conv2d(6, 4, (5, 1), padding=(2, 0))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(6, 4, 1))
        self.head = nn.Linear(16 * 7 * 7, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        x = torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], 1)
        return self.head(torch.flatten(nn.functional.max_pool2d(torch.relu(x), 2), 1))


def all_convolutional() -> nn.Module:
    """All-convolutional network: strides in place of pools, a mean over maps of classes."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.ELU(),
        nn.Conv2d(6, 8, 3, stride=2, padding=1),
        nn.ELU(0.5),
        nn.Conv2d(8, 8, 2, stride=2, bias=False),
        nn.BatchNorm2d(8),
        nn.Mish(),
        nn.Conv2d(8, 6, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


class Reader(nn.Module):
    """Classifier of sequences: an embedding or none, recurrent layers, a readout of the end."""

    def __init__(self, cell: Callable[..., nn.Module], inputs: int | None, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, 6) if inputs is None else nn.Identity()
        self.rnn = cell(inputs or 6)
        units = self.rnn.hidden_size
        self.fc = nn.Linear(units * (2 if self.rnn.bidirectional else 1), classes)

    def forward(self, x: Tensor) -> Tensor:
        values, _ = self.rnn(self.embedding(x))
        return self.fc(values[:, -1])


class FinalState(nn.Module):
    """Classifier by the last hidden state of the second layer, time first."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 8, 2)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(x.transpose(0, 1))
        return self.fc(hidden[-1])


class Tagger(nn.Module):
    """Network that answers at every step, without biases in its recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 7, batch_first=True, bias=False)
        self.norm = nn.LayerNorm(7)
        self.head = nn.Linear(7, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.head(self.norm(self.gru(x)[0])))


IMAGES: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {
    "skip": (Skip, (3, 32, 32)),
    "lenet": (LeNet, (1, 32, 32)),
    "resnet8": (ResNet8, (3, 16, 16)),
    "separable": (separable, (3, 15, 17)),
    "inception": (Inception, (1, 28, 28)),
    "allconv": (all_convolutional, (3, 20, 20)),
}
SEQUENCES: dict[str, tuple[Callable[[], nn.Module], int | None]] = {
    "gru2": (lambda: Reader(lambda size: nn.GRU(size, 10, 2, batch_first=True), None, 3), None),
    "lstm2": (lambda: Reader(lambda size: nn.LSTM(size, 8, 2, batch_first=True), 2, 4), 2),
    "rnn_tanh": (lambda: Reader(lambda size: nn.RNN(size, 6, batch_first=True), None, 2), None),
    "rnn_relu": (
        lambda: Reader(lambda size: nn.RNN(size, 6, nonlinearity="relu", batch_first=True), 3, 2),
        3,
    ),
    "bilstm": (
        lambda: Reader(lambda size: nn.LSTM(size, 4, batch_first=True, bidirectional=True), 2, 2),
        2,
    ),
    "final_state": (FinalState, 4),
    "tagger": (Tagger, 3),
}


def randomise(network: nn.Module) -> nn.Module:
    """Draw statistics and scales of normalisations, which are constant before training."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    return network.eval()


def channel_last(value: Tensor) -> np.ndarray:
    """Return maps with the channel last, and other values as they are."""
    value = value.permute(0, 2, 3, 1) if value.ndim == 4 else value
    return value.detach().numpy().copy(order="C")


def record(name: str, network: nn.Module, inputs: Tensor) -> None:
    """Write inputs, output, and the outputs of all modules; and the weights."""
    values: dict[str, np.ndarray] = {}
    for path, module in network.named_modules():
        if path and not list(module.children()):

            def keep(_m: nn.Module, _i: object, output: object, path: str = path) -> None:
                output = output[0] if isinstance(output, tuple) else output
                values[f"value.{path}"] = channel_last(output)

            module.register_forward_hook(keep)
    output = network(inputs)
    save_file(
        {"inputs": channel_last(inputs), "output": output.detach().numpy().copy(), **values},
        GOLDEN / f"{name}.reference.safetensors",
    )
    state = {key: value.numpy().copy() for key, value in network.state_dict().items()}
    save_file(state, GOLDEN / f"{name}.safetensors")


def strip(path: Path) -> None:
    """Remove stack traces and descriptions, which name folders of the machine."""
    model = onnx.load(path)
    for part in (
        model,
        model.graph,
        *model.graph.node,
        *model.graph.value_info,
        *model.graph.input,
        *model.graph.output,
        *model.graph.initializer,
    ):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    model.graph.ClearField("value_info")
    onnx.save(model, path)


def export(name: str, network: nn.Module, inputs: Tensor) -> None:
    """Write the ONNX files of both exporters of PyTorch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (inputs,),
            GOLDEN / f"{name}.legacy.onnx",
            dynamo=False,
            input_names=["input"],
            dynamic_axes={"input": {0: "batch"}},
        )
        shapes = ({0: torch.export.Dim("batch")},)
        torch.onnx.export(
            network,
            (inputs,),
            GOLDEN / f"{name}.onnx",
            dynamo=True,
            external_data=False,
            dynamic_shapes=shapes,
            verbose=False,
        )
    for path in GOLDEN.glob(f"{name}.*onnx"):
        strip(path)


def main() -> None:
    """Write all golden files of PyTorch."""
    GOLDEN.mkdir(exist_ok=True)
    for name, (build, size) in IMAGES.items():
        torch.manual_seed(len(name))
        network = randomise(build())
        inputs = torch.rand(2, *size)
        export(name, network, inputs)
        record(name, network, inputs[:1])
    for name, (build, features) in SEQUENCES.items():
        torch.manual_seed(len(name))
        network = randomise(build())
        inputs = torch.randn(2, STEPS, features) if features else None
        inputs = torch.randint(0, SYMBOLS, (2, STEPS)) if inputs is None else inputs
        export(name, network, inputs)
        record(name, network, inputs)


if __name__ == "__main__":
    main()
