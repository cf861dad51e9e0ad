"""利用規約 of the two channels: every version that was ever shown, for ever (domain.md §3).

A channel is switched on only after the newest version of its terms was shown and OK'd.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, Self

from zaitaku.core.errors import Conflict, NotFound
from zaitaku.facilities.model import Channel

_FILE_NAME: Final = re.compile(r"(?P<channel>[a-z-]+)-(?P<version>[1-9][0-9]*)\.txt")
_HEADING: Final = "## "


class TermsNotAccepted(Conflict):
    """A channel would be switched on without an OK to the newest version of its terms."""

    code = "terms-not-accepted"

    def __init__(self, channel: Channel) -> None:
        super().__init__(f"terms of {channel}")
        self.channel = channel


@dataclass(frozen=True)
class Section:
    """One section of a text."""

    heading: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class Terms:
    """One version of a channel's terms of use."""

    channel: Channel
    version: int
    title: str
    enacted_on: date
    sections: tuple[Section, ...]
    digest: str
    """SHA-256 (hex) of the text: what exactly was agreed to."""


@dataclass(frozen=True)
class Acceptance:
    """Somebody's OK to one version, for the facility."""

    channel: Channel
    terms_version: int
    terms_digest: str
    settings_version: int
    """The version of the settings that switched the channel on."""
    at: datetime
    actor: str


class TermsBook:
    """All versions of the terms of both channels, read once."""

    def __init__(self, texts: Iterable[Terms]) -> None:
        self._texts = {(text.channel, text.version): text for text in texts}
        self._newest = {channel: self._newest_of(channel) for channel in Channel}

    def _newest_of(self, channel: Channel) -> int:
        versions = sorted(version for kept, version in self._texts if kept is channel)
        if not versions or versions != list(range(1, len(versions) + 1)):
            raise ValueError(f"{channel}: versions must be 1, 2, 3 and so on")
        return versions[-1]

    @classmethod
    def load(cls, folder: Traversable | None = None) -> Self:
        """Read one file per channel and version.

        Raises:
            ValueError: a channel's versions are not 1, 2, 3 and so on, a file is misnamed, or a
                text is incomplete.
        """
        folder = folder or files("zaitaku.facilities") / "terms_of_use"
        return cls(_read(file) for file in folder.iterdir())

    def current(self, channel: Channel) -> Terms:
        """Return the version that is shown now."""
        return self._texts[channel, self._newest[channel]]

    def at(self, channel: Channel, version: int) -> Terms:
        """Return one version.

        Raises:
            NotFound: there is no such version.
        """
        try:
            return self._texts[channel, version]
        except KeyError as error:
            raise NotFound(f"terms {channel} {version}") from error

    def versions(self, channel: Channel) -> tuple[Terms, ...]:
        """Return every version, newest first."""
        kept = (text for (name, _), text in self._texts.items() if name is channel)
        return tuple(sorted(kept, key=lambda text: -text.version))

    def require(self, channels: Iterable[Channel], accepted: Mapping[Channel, int]) -> list[Terms]:
        """Return the newest terms of ``channels``, each of which was accepted.

        Raises:
            TermsNotAccepted: one was not, or a version that is no longer the newest.
        """
        wanted = [self.current(channel) for channel in channels]
        for text in wanted:
            if accepted.get(text.channel) != text.version:
                raise TermsNotAccepted(text.channel)
        return wanted


def _read(file: Traversable) -> Terms:
    named = _FILE_NAME.fullmatch(file.name)
    if named is None:
        raise ValueError(f"{file.name}: not the name of a text")
    text = file.read_text("utf-8")
    title, enacted_on, *sections = [block.strip() for block in text.split("\n\n") if block.strip()]
    return Terms(
        channel=Channel(named["channel"]),
        version=int(named["version"]),
        title=title,
        enacted_on=date.fromisoformat(enacted_on),
        sections=tuple(_section(block) for block in sections),
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def _section(block: str) -> Section:
    heading, *paragraphs = block.splitlines()
    if not heading.startswith(_HEADING) or not paragraphs:
        raise ValueError(f"no section: {heading}")
    return Section(heading.removeprefix(_HEADING), tuple(paragraphs))
