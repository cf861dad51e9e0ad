"""Where the files beside the code are: in the installed package, or in the checkout."""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).parents[1]


def resource_folder(name: str) -> Path:
    """Return the folder ``static``, ``templates`` or ``fonts``."""
    packaged = _PACKAGE / f"_{name}"
    return packaged if packaged.is_dir() else _PACKAGE.parent / name
