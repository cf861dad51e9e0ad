"""``zaitaku records``: what a facility keeps as proof, proved again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from zaitaku.commands.desk import institution_code, japan_time, words_for
from zaitaku.consent.audit import RecordAudit, Verdict
from zaitaku.consent.wording import Wordings
from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.errors import NotFound, ZaitakuError
from zaitaku.core.ids import FacilityId
from zaitaku.core.sealing import Seal
from zaitaku.facilities.model import Facility, InstitutionCode
from zaitaku.facilities.service import FacilityService
from zaitaku.identity.oidc.errors import AppTokenRefused
from zaitaku.identity.oidc.id_token import TokenTrust, thumbprints_in
from zaitaku.settings import Settings

_PARTS: Final[Mapping[str, str]] = {
    "digest": "書類が、記録されたハッシュと合いません",
    "document": "書類を読めません",
    "journey": "書類が、別の受付のものです",
    "wording": "書類にある文章が、公開した文章と合いません",
    "algorithm": "署名の方式が、証拠と合いません",
    "public-key": "公開鍵が、証拠と合いません",
    "signature": "署名が合いません",
    "seal": "IDトークンの封を開けません（鍵が ZAITAKU_SEAL_KEYS にないか、封が変えられています）",
    "id-token": "IDトークンが、この書類・この日・このサイトのものではありません",
    "holder": (
        "IDトークンが、記録と別の人のものです（使わなくなった鍵も ZAITAKU_SUBJECT_KEYS に要ります）"
    ),
    "provider-key": "IDトークンの署名の鍵が、--provider-keys にありません",
}
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def records() -> None:
    """同意の記録を、証拠から確かめます。"""


def _code_if_any(context: click.Context, option: click.Parameter, digits: str | None) -> str | None:
    return None if digits is None else institution_code(context, option, digits)


class _NamedOrAll(click.Command):
    """Takes either receipts or ``--all``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if bool(ctx.params["references"]) == ctx.params["everything"]:
            words = "受付番号か --all の、どちらかを書いてください。"
            if ctx.params["everything"]:
                raise click.UsageError(words, ctx)
            missing = "受付番号"
            if ctx.params["code"] is None:
                missing = "CODEと受付番号"
                words = "CODEと受付番号か、--all を書いてください。"
            raise click.MissingParameter(words, ctx, param_hint=missing, param_type="argument")
        return rest


@records.command(cls=_NamedOrAll)
@click.argument("code", required=False, callback=_code_if_any)
@click.argument("references", metavar="[受付番号]...", nargs=-1)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="この施設のすべての記録を確かめる（CODE がなければ、すべての施設の）",
)
@click.option(
    "--client",
    "former",
    metavar="ISSUER CLIENT_ID",
    nargs=2,
    multiple=True,
    help="前に使っていた認証アプリの発行者と、そこでの名前（何度でも書けます）",
)
@click.option(
    "--provider-keys",
    type=_FILE,
    help="認証アプリの公開鍵だと、記録のほかで確かめた鍵（JWK Set）。ないものを見つけます",
)
def verify(
    code: str | None,
    references: tuple[str, ...],
    everything: bool,
    former: tuple[tuple[str, str], ...],
    provider_keys: Path | None,
) -> None:
    """施設 CODE の記録を、署名から確かめ直します。合わない記録があると、終了コードは1です。"""
    keys = _trusted(provider_keys) if provider_keys else None
    summary = Summary()
    with _opened(former, keys) as (audit, facilities):
        for facility in _those_of(facilities, code):
            prefix = "" if code else f"{facility.code.digits}  "
            for verdict in _verdicts(audit, facility.id, references):
                summary.add(verdict)
                if verdict.broken or not everything:
                    click.echo(prefix + _line(verdict))
    _tell(summary)


def _those_of(facilities: FacilityService, code: str | None) -> Sequence[Facility]:
    return [facilities.find(InstitutionCode(code))] if code else facilities.all()


def _verdicts(
    audit: RecordAudit, facility_id: FacilityId, references: tuple[str, ...]
) -> Iterator[Verdict]:
    if not references:
        return audit.all(facility_id)
    return (audit.one(facility_id, reference) for reference in references)


@dataclass
class Summary:
    """What a run has found."""

    proved: int = 0
    broken: int = 0
    keys: dict[tuple[str, str], tuple[datetime, datetime]] = field(default_factory=dict)
    """By issuer and thumbprint: when the key was first and last taken as the provider's."""

    def add(self, verdict: Verdict) -> None:
        """Count one verdict."""
        self.broken += bool(verdict.broken)
        self.proved += not verdict.broken
        if verdict.witness:
            name = (verdict.witness.issuer, verdict.witness.thumbprint)
            at = verdict.verified_at
            first, last = self.keys.get(name, (at, at))
            self.keys[name] = (min(first, at), max(last, at))


def _tell(summary: Summary) -> None:
    if summary.keys:
        click.echo("IDトークンに署名した鍵（RFC 7638 のサムプリント）:")
    for (issuer, thumbprint), (first, last) in sorted(summary.keys.items()):
        click.echo(f"  {issuer}  {thumbprint}  {japan_time(first)} 〜 {japan_time(last)}")
    click.echo(f"確かめました: {summary.proved}件  合いません: {summary.broken}件")
    if summary.broken:
        raise click.exceptions.Exit(1)


def _line(verdict: Verdict) -> str:
    if verdict.broken:
        return f"{verdict.reference}  合いません: {_PARTS[verdict.broken]} [{verdict.broken}]"
    kind = "IDトークン" if verdict.witness else "カードの署名"
    return f"{verdict.reference}  確かめました（{kind}、{japan_time(verdict.verified_at)}）"


def _trusted(file: Path) -> frozenset[str]:
    try:
        return thumbprints_in(file.read_text("utf-8"))
    except (OSError, ValueError, AppTokenRefused) as error:
        raise click.ClickException(f"{file} に、使える公開鍵（JWK Set）がありません。") from error


@contextmanager
def _opened(
    former: Iterable[tuple[str, str]], keys: frozenset[str] | None
) -> Iterator[tuple[RecordAudit, FacilityService]]:
    settings = Settings.from_env()
    database = Database(settings.database_url, seal=Seal(settings.seal_keys))
    present = {(settings.openid.issuer, settings.openid.client_id)} if settings.openid else set()
    trust = TokenTrust(frozenset(present | set(former)), settings.subject_keys, keys)
    try:
        facilities = FacilityService(database=database, clock=SystemClock())
        yield RecordAudit(database, Wordings.load(), trust), facilities
    except NotFound as error:
        raise click.ClickException(_missing(error)) from error
    except ZaitakuError as error:
        raise click.ClickException(words_for(error)) from error
    finally:
        database.close()


def _missing(error: NotFound) -> str:
    return f"受付番号 {error.detail} の記録はありません。" if error.detail else words_for(error)
