"""Files of Lightwell that the PyTorch servers and Captum read: weights and sample images."""

from pathlib import Path

_MODELS = Path(__file__).parents[3] / "models"

CNN_WEIGHTS = _MODELS / "shipped" / "cnn" / "weights.safetensors"
LSTM_WEIGHTS = _MODELS / "shipped" / "lstm" / "weights.safetensors"
SAMPLES = _MODELS / "data" / "samples.safetensors"
