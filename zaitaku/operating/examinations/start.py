"""Whether ``zaitaku serve`` would start with these settings."""

from collections.abc import Iterator

from zaitaku.core.errors import SettingsError
from zaitaku.identity.anchors import TrustAnchors
from zaitaku.identity.revocation.configured import configured_sources
from zaitaku.operating.deployment import Deployment
from zaitaku.operating.setting_words import in_japanese
from zaitaku.settings import Mode, Settings
from zaitaku.watching.words import Line


def start(deployment: Deployment) -> Iterator[Line]:
    """Tell whether the roots and the sources of revocation can be used."""
    try:
        _load(deployment.settings)
    except SettingsError as error:
        yield Line(
            "ルート証明書と失効の確認", "zaitaku serve は始まりません", in_japanese(error.detail)
        )
    else:
        yield Line("ルート証明書と失効の確認", "使えます")


def _load(settings: Settings) -> None:
    is_sandbox = settings.mode is Mode.SANDBOX
    configured_sources(settings, TrustAnchors.load(settings.trust_anchors, allow_test=is_sandbox))
