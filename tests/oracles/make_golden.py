"""Make tests/golden/*.npz with PyTorch, Captum and ONNX, none of which the tests need.

pip install torch captum onnx numpy
python -m tests.oracles.make_golden
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper
from onnx.reference import ReferenceEvaluator
from torch.nn import functional

from tests.oracles import captum_maps
from tests.oracles.parameters import CNN_SHAPES, draw, draw_bits, draw_images, lstm_shapes

GOLDEN = Path(__file__).parents[1] / "golden"
SEED, HIDDEN, STEPS = 7, 12, 40


def cnn_by_torch() -> dict[str, np.ndarray]:
    """Classify one image with PyTorch; maps are turned back to channel last."""
    held = {name: torch.from_numpy(value) for name, value in draw(CNN_SHAPES, SEED).items()}
    maps = torch.from_numpy(draw_images(1, SEED))[:, None].float() / 255
    made = {}
    for number, pooled in ((1, True), (2, True), (3, False)):
        kernel = held[f"conv{number}.kernel"].permute(3, 2, 0, 1)
        maps = functional.conv2d(maps, kernel, held[f"conv{number}.bias"], padding=1)
        made[f"conv{number}"] = maps
        maps = made[f"relu{number}"] = torch.relu(maps)
        if pooled:
            maps = made[f"pool{number}"] = functional.max_pool2d(maps, 2)
    flat = maps.permute(0, 2, 3, 1).flatten(1)  # Flax flattens with the channel last
    made["dense1"] = functional.linear(flat, held["dense1.kernel"].T, held["dense1.bias"])
    made["relu4"] = torch.relu(made["dense1"])
    made["logits"] = functional.linear(made["relu4"], held["output.kernel"].T, held["output.bias"])
    last = {name: v.permute(0, 2, 3, 1) if v.ndim == 4 else v for name, v in made.items()}
    return {name: value[0].numpy() for name, value in last.items()}


def attribution_by_captum() -> dict[str, np.ndarray]:
    """Attribute the difference of two logits of one image with Captum."""
    return captum_maps.maps(draw(CNN_SHAPES, SEED), draw_images(1, SEED)[0], 3, 5)


def lstm_by_torch() -> dict[str, np.ndarray]:
    """Run one sequence with torch.nn.LSTM, whose packed order is i, f, g, o as Flax's is."""
    held = {name: torch.from_numpy(v) for name, v in draw(lstm_shapes(HIDDEN), SEED).items()}
    cell = torch.nn.LSTMCell(1, HIDDEN)
    with torch.no_grad():
        cell.weight_ih.copy_(held["cell.dense_i.kernel"].T)
        cell.weight_hh.copy_(held["cell.dense_h.kernel"].T)
        cell.bias_hh.copy_(held["cell.dense_h.bias"])
        cell.bias_ih.zero_()
        state = (torch.zeros(1, HIDDEN), torch.zeros(1, HIDDEN))
        states = []
        for bit in draw_bits(1, STEPS, SEED)[0]:
            state = cell(torch.full((1, 1), float(bit)), state)
            states.append(state)
    hidden, cells = (np.stack([one[at][0].numpy() for one in states]) for at in (0, 1))
    return {"torch_hidden": hidden, "torch_cell": cells}


def lstm_by_onnx() -> dict[str, np.ndarray]:
    """Run it with ONNX, whose packed order is i, o, f, c: this catches a swap of gates."""
    held = draw(lstm_shapes(HIDDEN), SEED)

    def reordered(packed: np.ndarray) -> np.ndarray:
        i, f, g, o = np.split(packed, 4, axis=-1)
        return np.concatenate([i, o, f, g], axis=-1)

    bias = np.concatenate([np.zeros(4 * HIDDEN, np.float32), reordered(held["cell.dense_h.bias"])])
    inputs = {
        "X": draw_bits(1, STEPS, SEED).T[:, :, None].astype(np.float32),
        "W": reordered(held["cell.dense_i.kernel"]).T[None],
        "R": reordered(held["cell.dense_h.kernel"]).T[None],
        "B": bias[None],
    }
    node = helper.make_node("LSTM", list(inputs), ["Y", "Y_h", "Y_c"], hidden_size=HIDDEN)
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [node],
        "lstm",
        [helper.make_tensor_value_info(name, kind, value.shape) for name, value in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name in ("Y", "Y_h", "Y_c")],
    )
    made = ReferenceEvaluator(helper.make_model(graph)).run(None, inputs)
    return {"onnx_hidden": made[0][:, 0, 0]}


def main() -> None:
    """Write the golden files."""
    GOLDEN.mkdir(exist_ok=True)
    np.savez_compressed(GOLDEN / "cnn.npz", **cnn_by_torch())
    np.savez_compressed(GOLDEN / "attribution.npz", **attribution_by_captum())
    np.savez_compressed(GOLDEN / "lstm.npz", **lstm_by_torch(), **lstm_by_onnx())


if __name__ == "__main__":
    main()
