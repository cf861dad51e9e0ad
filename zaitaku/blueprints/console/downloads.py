"""QR codes and posters to download: a page that asks, and the file itself.

Every file that is taken is noted, so that a later change of the URL can say what it breaks. A
file of a URL that was changed while it was made is not handed out.
"""

import io
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from flask import Response, render_template, send_file, url_for

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.console.urls import CHANNEL, DOWNLOADS, channel_view
from zaitaku.blueprints.edge import refuse_head, services
from zaitaku.blueprints.permissions import current_staff, no_page, requires
from zaitaku.facilities.model import Channel
from zaitaku.reception.errors import UrlChanged
from zaitaku.reception.posters.model import NO_POSTER, Poster, PosterNumber
from zaitaku.reception.posters.service import TakenFile
from zaitaku.reception.printing import PrintKind, file_name

DESCRIPTIONS: Final = MappingProxyType(
    {
        PrintKind.QR_CODE: "二次元コードだけの画像です。"
        "ちらしやホームページに載せるときに使います。",
        PrintKind.POSTER: "受付や待合室に貼るA4のポスターです。",
        PrintKind.CARD: "患者さんに渡す、名刺の大きさのカードです。",
        PrintKind.SHEET: "A4の紙1枚に配布カードを10枚並べたものです。切り取り線がついています。",
    }
)

KIND: Final = f"<any({', '.join(repr(kind.value) for kind in PrintKind)}):kind>"
_OF_CHANNEL: Final = f"/reception-urls/{CHANNEL}"
_OF_POSTER: Final = f"{_OF_CHANNEL}/posters/<int:poster>"


def _named(channel: Channel, poster: int) -> Poster | None:
    if poster == NO_POSTER:
        return None
    return services().posters.find(current_staff().facility.id, channel, PosterNumber(poster))


@blueprint.get(f"{_OF_CHANNEL}/qr-image", defaults={"poster": NO_POSTER})
@blueprint.get(f"{_OF_POSTER}/qr-image")
@requires(Permission.SEE_RECEPTION_URLS)
@no_page
def qr_image(channel: str, poster: int) -> Response:
    """Return the QR code for showing on the page."""
    refuse_head()
    named, facility = _named(Channel(channel), poster), current_staff().facility
    current = services().reception.show(facility.id, Channel(channel)).current
    content = services().prints.file(PrintKind.QR_CODE, facility, current, named)
    return Response(content, mimetype="image/png")


@blueprint.get(f"{_OF_CHANNEL}/{KIND}", defaults={"poster": NO_POSTER})
@blueprint.get(f"{_OF_POSTER}/{KIND}")
@requires(Permission.SEE_RECEPTION_URLS)
def confirm_download(channel: str, kind: str, poster: int) -> str:
    """Ask before a download and tell what will be in the file."""
    view, named = channel_view(Channel(channel)), _named(Channel(channel), poster)
    printed = PrintKind(kind)
    return render_template(
        "console/download.html",
        view=view,
        named=named,
        description=DESCRIPTIONS[printed],
        name=dict(DOWNLOADS)[printed],
        file=url_for("console.download", channel=channel, kind=kind, poster=poster),
        back=_page_of(channel, named),
        file_name=file_name(printed, current_staff().facility, view.url.current, named),
    )


def _page_of(channel: str, named: Poster | None) -> str:
    if named is None:
        return url_for("console.reception_urls")
    return url_for("console.poster", channel=channel, poster=named.number)


@blueprint.get(f"{_OF_CHANNEL}/{KIND}/file", defaults={"poster": NO_POSTER})
@blueprint.get(f"{_OF_POSTER}/{KIND}/file")
@requires(Permission.SEE_RECEPTION_URLS)
@no_page
def download(channel: str, kind: str, poster: int) -> Response:
    """Return the file under a name that tells facility, channel, poster and version."""
    refuse_head()
    view, named = channel_view(Channel(channel)), _named(Channel(channel), poster)
    printed, facility = PrintKind(kind), current_staff().facility
    content = services().prints.file(printed, facility, view.url.current, named)
    taken = TakenFile(view.url.current, PosterNumber(poster), printed)
    services().posters.note_print(facility.id, taken, actor=current_staff().account.label)
    return send_file(
        io.BytesIO(content),
        mimetype="image/png" if printed is PrintKind.QR_CODE else "application/pdf",
        as_attachment=True,
        download_name=file_name(printed, facility, view.url.current, named),
        max_age=0,
    )


@blueprint.errorhandler(UrlChanged)
def url_changed(error: UrlChanged) -> tuple[str, HTTPStatus]:
    """Say that the file would lead patients to a URL that no longer works."""
    return failure(
        "作っているあいだにURLが変わりました",
        "前のURLのファイルは、患者さんが使えないため、お渡ししていません。",
        "今のURLのファイルを、もう一度ダウンロードしてください。",
        action={"label": "URLの画面を開く", "href": url_for("console.reception_urls")},
    ), error.status
