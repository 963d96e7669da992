"""Checks of parameters that several probes share."""

from probes.declaration import ParameterError


def refuse_channel(parameter: str, layer: str, channel: int, count: int) -> None:
    """Refuse a channel that is not one of so many.

    Raises:
        ParameterError: Naming layer, channel and limit.
    """
    if channel >= count:
        reason = f"channel {channel} of {layer} is not one of its {count} (0 to {count - 1})"
        raise ParameterError(parameter, reason)
