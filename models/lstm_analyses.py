"""Programs that answer one question about the LSTM with many rows.

They compile after the server is ready, and leave predict and trace as they are.
"""

from typing import TYPE_CHECKING, Any

from models.parameters import Skeleton
from models.programs import Program

if TYPE_CHECKING:
    from models.lstm import CountingLSTM
else:
    CountingLSTM = Any


def lstm_analyses(skeleton: Skeleton[CountingLSTM], hidden: int) -> list[Program]:
    """Declare the programs.

    Args:
        skeleton: The network.
        hidden: How many units it has.
    """
    del skeleton, hidden
    return []
