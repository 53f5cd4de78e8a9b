"""How this process was started: alone, or as one of several that torchrun (or another launcher) started."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import NoReturn

from flawforge.core.errors import OtherProcessError, SettingError

LINGER = 1.0  # seconds that the silent processes stay: torchrun ends all once one has ended, also one in mid-sentence
NEEDED = ("RANK", "MASTER_ADDR", "MASTER_PORT")  # beside WORLD_SIZE, what PyTorch's launchers set


@dataclass(frozen=True)
class Launch:
    """The place of this process among those that were started together.

    Attributes:
        rank: its number, from 0. The first one writes the files and speaks.
        count: how many there are.
        local: its number on this computer, from 0: the number of its GPU.
    """

    rank: int = 0
    count: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0


def launched() -> Launch:
    """Read the environment variables that torchrun sets; without them the process is alone.

    Raises:
        SettingError: the variables contradict each other or are not whole.
    """
    count = _number("WORLD_SIZE", 1)
    if count <= 1:
        return Launch()
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        raise SettingError(
            f"the environment says WORLD_SIZE={count}, so there are {count} processes, but {', '.join(missing)} is not "
            f"set. Start with torchrun, which sets them all, or unset WORLD_SIZE to train in one process."
        )
    launch = Launch(_number("RANK", 0), count, _number("LOCAL_RANK", 0))
    if launch.rank >= count:
        raise SettingError(f"the environment says RANK={launch.rank}; with WORLD_SIZE={count} it is 0 to {count - 1}.")
    return launch


def stand_back(cause: BaseException | None = None) -> NoReturn:
    """End this process without a word, after a moment in which another one tells what all of them end for.

    Raises:
        OtherProcessError: always.
    """
    time.sleep(LINGER)
    raise OtherProcessError("another process of this training failed, and tells why.") from cause


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    if not text:
        return default
    if not text.strip().isdigit():
        raise SettingError(f"the environment says {name}={text}; it is a number from 0. torchrun sets it.")
    return int(text)
