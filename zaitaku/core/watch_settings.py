"""Who may watch a deployment, and where its traces go, as its settings say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit

from zaitaku.core.errors import SettingsError
from zaitaku.core.signing import looks_random
from zaitaku.core.web_addresses import is_loopback, is_number, is_private_way

_HIGHEST_PORT: Final = 65535
_WHOLE: Final = 100


@dataclass(frozen=True)
class WatchSettings:
    """Metrics and traces; both are off unless they are set.

    Raises:
        SettingsError: a value breaks its rule, or metrics would stand open to a network.
    """

    metrics_address: str = ""
    """Address and port on which Prometheus asks, like ``127.0.0.1:9464``, apart from the patients'
    pages; empty: no metrics."""
    metrics_token: str = field(default="", repr=False)
    """What Prometheus has to show (``Authorization: Bearer …``); needed on any address but
    loopback."""
    traces_url: str = ""
    """Where traces are sent (OTLP over HTTP), like ``http://127.0.0.1:4318/v1/traces``; https,
    unless it is on this machine; empty: no traces."""
    traces_percent: int = 1
    """How many of a hundred requests are traced, 1 to 100."""
    traces_from_proxy: bool = False
    """Whether the proxies in front set ``traceparent`` or remove it: only then it is believed."""

    def __post_init__(self) -> None:
        if self.metrics_address:
            host, _ = self.listener
            if not is_loopback(host) and not self.metrics_token:
                raise SettingsError("ZAITAKU_METRICS_TOKEN is needed on an address off loopback")
        if self.metrics_token and not looks_random(self.metrics_token):
            raise SettingsError("ZAITAKU_METRICS_TOKEN is too short or too regular")
        if self.traces_url and not is_private_way(self.traces_url):
            raise SettingsError("ZAITAKU_TRACES_URL must be https, or http on this machine")
        if not 0 < self.traces_percent <= _WHOLE:
            raise SettingsError(f"ZAITAKU_TRACES_PERCENT must be 1 to {_WHOLE}")

    @property
    def listener(self) -> tuple[str, int]:
        """Host and port for metrics.

        Raises:
            SettingsError: the address is not of the form ``host:port``.
        """
        try:
            parts = urlsplit(f"//{self.metrics_address}")
            host, port = parts.hostname or "", parts.port or 0
        except ValueError:
            host, port = "", 0
        can_listen = is_loopback(host) or is_number(host)
        if not can_listen or not 0 < port <= _HIGHEST_PORT:
            raise SettingsError("ZAITAKU_METRICS_ADDRESS must be an address and a port")
        return host, port

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the five variables.

        Raises:
            SettingsError: one breaks its rule; the detail names it.
        """
        return cls(
            metrics_address=environ.get("ZAITAKU_METRICS_ADDRESS", "").strip(),
            metrics_token=environ.get("ZAITAKU_METRICS_TOKEN", "").strip(),
            traces_url=environ.get("ZAITAKU_TRACES_URL", "").strip(),
            traces_percent=_percent(environ),
            traces_from_proxy=_from_proxy(environ),
        )


def _percent(environ: Mapping[str, str]) -> int:
    try:
        return int(environ.get("ZAITAKU_TRACES_PERCENT", "").strip() or 1)
    except ValueError:
        raise SettingsError("ZAITAKU_TRACES_PERCENT must be a whole number") from None


def _from_proxy(environ: Mapping[str, str]) -> bool:
    value = environ.get("ZAITAKU_TRACES_FROM_PROXY", "").strip()
    if value not in ("", "0", "1"):
        raise SettingsError("ZAITAKU_TRACES_FROM_PROXY must be 0 or 1")
    return value == "1"
