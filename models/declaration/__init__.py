"""Declarations of networks: `lightwell.toml`, its layer lines and their operations."""
