"""Networks in PyTorch, CNN and LSTM, with Lightwell's trained weights, for the PyTorch servers."""

from collections import OrderedDict

import torch  # type: ignore[import-not-found]
from safetensors.torch import load_file
from torch import nn

from scripts.bench.servers.shipped_files import CNN_WEIGHTS, LSTM_WEIGHTS

GATES = ("input_gate", "forget_gate", "candidate", "output_gate")
"""Gate order of the LSTM network's weights, in PyTorch as in Lightwell."""


def cnn() -> nn.Sequential:
    """Build the CNN network in PyTorch; its layers have Lightwell's names, except `flatten`."""
    network = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 32, 3, padding=1),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(32, 64, 3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            conv3=nn.Conv2d(64, 64, 3, padding=1),
            relu3=nn.ReLU(),
            flatten=nn.Flatten(),
            dense1=nn.Linear(7 * 7 * 64, 128),
            relu4=nn.ReLU(),
            logits=nn.Linear(128, 10),
        )
    )
    weights = load_file(CNN_WEIGHTS)
    state = {}
    for name in ("conv1", "conv2", "conv3"):
        state[f"{name}.weight"] = weights[f"{name}.kernel"].permute(3, 2, 0, 1)
    # Lightwell flattens maps with the channel last, PyTorch with the channel first.
    dense = weights["dense1.kernel"].reshape(7, 7, 64, 128).permute(2, 0, 1, 3).reshape(-1, 128)
    state |= {"dense1.weight": dense.T, "logits.weight": weights["output.kernel"].T}
    for name in ("conv1", "conv2", "conv3", "dense1"):
        state[f"{name}.bias"] = weights[f"{name}.bias"]
    state["logits.bias"] = weights["output.bias"]
    network.load_state_dict({name: value.contiguous() for name, value in state.items()})
    return network.eval()


def lstm() -> tuple[nn.LSTMCell, nn.Linear]:
    """Build the LSTM network in PyTorch: its cell and its readout layer."""
    weights = load_file(LSTM_WEIGHTS)
    hidden = weights["cell.dense_h.kernel"].shape[0]
    cell, readout = nn.LSTMCell(1, hidden), nn.Linear(hidden, 2)
    cell.load_state_dict(
        {
            "weight_ih": weights["cell.dense_i.kernel"].T.contiguous(),
            "weight_hh": weights["cell.dense_h.kernel"].T.contiguous(),
            "bias_ih": torch.zeros(4 * hidden),
            "bias_hh": weights["cell.dense_h.bias"],
        }
    )
    readout.load_state_dict(
        {"weight": weights["readout.kernel"].T.contiguous(), "bias": weights["readout.bias"]}
    )
    return cell, readout
