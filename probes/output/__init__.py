"""Figures as JSON, PNG, NPZ and safetensors."""
