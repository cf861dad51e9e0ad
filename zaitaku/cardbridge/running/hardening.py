"""What the process gives up so that a PIN cannot be read out of it from outside.

No core dump is written (``RLIMIT_CORE``), and on Linux no other program of the same user may look
into its memory or trace it (``PR_SET_DUMPABLE``, prctl(2)); the administrator still may.
"""

import ctypes
import logging
import os
import sys
from typing import Final

LOG = logging.getLogger(__name__)

PR_SET_DUMPABLE: Final = 4
"""``linux/prctl.h``."""


def protect_process() -> None:
    """Forbid core dumps and looking in, for good; what the system cannot do is logged."""
    if os.name == "posix":
        _forbid_core_dumps()
    if sys.platform == "linux" and ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        LOG.warning("other programs of this user can look into this one")


def _forbid_core_dumps() -> None:
    import resource  # noqa: PLC0415 - only Unix has it

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
