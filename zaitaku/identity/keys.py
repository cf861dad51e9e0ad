"""The keys that sign this deployment's card requests: the SDK's, with the site's own errors."""

from pathlib import Path
from typing import Self

from zaitaku.core.errors import SettingsError
from zaitaku.sdk.errors import KeysUnusable
from zaitaku.sdk.keys import ALGORITHM, SiteKeys

__all__ = ["ALGORITHM", "RequestKeys"]


class RequestKeys(SiteKeys):
    """The signing keys of one deployment, newest first."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the PEM file.

        Raises:
            SettingsError: it cannot be read, has no key, or has one that is not Ed25519.
        """
        try:
            return super().load(path)
        except KeysUnusable as error:
            raise SettingsError(str(error)) from error
