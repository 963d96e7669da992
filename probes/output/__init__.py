"""Output of probes: figures as JSON, PNG, NPZ and safetensors."""
