"""The revocation sources that a deployment's settings name."""

from datetime import datetime, timedelta

from zaitaku.core.errors import SettingsError
from zaitaku.identity.anchors import TrustAnchors
from zaitaku.identity.revocation.crl import CrlFile
from zaitaku.identity.revocation.desk import FRESHNESS, RevocationDesk, desk_line
from zaitaku.identity.revocation.download import HttpFetch
from zaitaku.identity.revocation.fresh import FreshCrlFile
from zaitaku.identity.revocation.ocsp import Ocsp
from zaitaku.identity.revocation.refresh import CrlRefresh
from zaitaku.identity.revocation.source import RevocationChain, RevocationSource
from zaitaku.settings import RevocationService, Settings


def configured_sources(settings: Settings, anchors: TrustAnchors) -> RevocationSource:
    """Return all sources in a row; what is asked over a network stands before what is at hand."""
    sources: list[RevocationSource] = []
    if settings.ocsp_url:
        sources.append(Ocsp(settings.ocsp_url, freshness=settings.ocsp_freshness))
    if settings.revocation_service:
        freshness = settings.ocsp_freshness or FRESHNESS
        sources.append(_desk(settings.revocation_service, freshness))
    if settings.crl_file:
        refresh = configured_refresh(settings, anchors)
        sources.append(FreshCrlFile(refresh) if refresh else CrlFile(settings.crl_file))
    return RevocationChain(sources)


def configured_refresh(settings: Settings, anchors: TrustAnchors) -> CrlRefresh | None:
    """Return what renews the file of lists; ``None`` when the settings name no address for it."""
    if settings.crl_file is None or settings.crl_url is None:
        return None
    return CrlRefresh(settings.crl_file, HttpFetch(settings.crl_url), anchors.roots)


def first_list_end(source: RevocationSource) -> datetime | None:
    """Return when the first revocation list at hand ends; ``None`` where there are none."""
    if isinstance(source, RevocationChain):
        ends = [first_list_end(each) for each in source.sources]
        return min((end for end in ends if end is not None), default=None)
    lists = source.file if isinstance(source, FreshCrlFile) else source
    return lists.first_end() if isinstance(lists, CrlFile) else None


def _desk(service: RevocationService, freshness: timedelta) -> RevocationDesk:
    if service.ca_file is not None and not service.ca_file.is_file():
        raise SettingsError(f"ZAITAKU_REVOCATION_CA_FILE {service.ca_file} cannot be read")
    line = desk_line(service.key, service.ca_file)
    return RevocationDesk.at(service.url, line, freshness=freshness, is_stapled=service.is_stapled)
