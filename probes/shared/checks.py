"""Parameter checks that several probes use: the channel index."""

from probes.declaration import ParameterError


def check_channel_index(parameter: str, layer: str, channel: int, count: int) -> None:
    """Check a channel index against the number of channels of a layer, for several probes.

    Raises:
        ParameterError: The layer has no such channel.
    """
    if channel >= count:
        reason = f"channel {channel} of {layer} is not one of its {count} (0 to {count - 1})"
        raise ParameterError(parameter, reason)
