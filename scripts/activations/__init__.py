"""Activations of a whole data set, as shards of safetensors, Parquet or Zarr with an index."""
