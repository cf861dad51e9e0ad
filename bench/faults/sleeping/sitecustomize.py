"""Lets Python sleep under libfaketime, whose ``clock_nanosleep`` refuses with EINVAL."""

import select
import time
from typing import SupportsIndex


def sleep(seconds: float | SupportsIndex, /) -> None:
    """Wait so long, by what libfaketime leaves alone."""
    select.select((), (), (), float(seconds))


time.sleep = sleep
