"""What the pages of one running bridge share."""

import secrets
from dataclasses import dataclass
from typing import Final, cast

from flask import current_app

from zaitaku.cardbridge.card.cardwork import CardWork
from zaitaku.cardbridge.reading.config import BridgeConfig
from zaitaku.cardbridge.reading.desk import Desk
from zaitaku.cardbridge.reading.emblem import EmblemKeeper
from zaitaku.cardbridge.reading.observations import Observations, TimedSite
from zaitaku.cardbridge.reading.preferences import Preferences
from zaitaku.cardbridge.trust.limits import Limiter
from zaitaku.cardbridge.trust.pins import Pins, Trust
from zaitaku.cardbridge.trust.site import SiteClient
from zaitaku.cardbridge.trust.versions import installed_version
from zaitaku.cardbridge.web.words import Words

EXTENSION: Final = "zaitaku-bridge"


@dataclass(frozen=True)
class Bridge:
    """The parts of one bridge."""

    config: BridgeConfig
    site: SiteClient
    trust: Trust
    desk: Desk
    cards: CardWork
    preferences: Preferences
    words: Words
    version: str
    observations: Observations
    give_up_token: str
    """The form that drops an idle reading carries it."""
    emblem: EmblemKeeper
    pins: Limiter
    """How often PINs may be typed, right or wrong."""

    def now(self) -> float:
        """Return the present moment in seconds since 1970."""
        return self.config.now()


def assemble(config: BridgeConfig) -> Bridge:
    """Put a bridge together; touches neither the card nor the network."""
    observations = Observations()
    site = TimedSite(config.ca_file, config.paces, observations, config.now)
    trust = Trust(
        allowed=config.allowed_origins,
        tests=config.test_origins,
        pins=Pins(config.state),
        site=site,
    )
    return Bridge(
        config=config,
        site=site,
        trust=trust,
        desk=Desk(),
        cards=CardWork(config.readers),
        preferences=Preferences(config.state),
        words=Words.load(),
        version=installed_version(),
        observations=observations,
        give_up_token=secrets.token_urlsafe(16),
        emblem=EmblemKeeper(config.state),
        pins=Limiter(config.paces.pins),
    )


def bridge() -> Bridge:
    """Return the bridge that answers the present request."""
    return cast("Bridge", current_app.extensions[EXTENSION])
