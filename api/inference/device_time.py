"""Device time of a request: its seconds in queues and on the device."""

from dataclasses import dataclass


@dataclass
class DeviceTime:
    """Time of one request in the engine's queue and on its device, in seconds."""

    queued_s: float = 0.0
    ran_s: float = 0.0
