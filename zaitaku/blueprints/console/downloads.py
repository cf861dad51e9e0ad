"""QR codes and posters to download: a page that asks, and the file itself."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from flask import Response, render_template, send_file

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.presenting import SHORT_CHANNEL_NAMES
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.console.urls import CHANNEL, DOWNLOADS, ChannelView, channel_view
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.facilities.model import Channel
from zaitaku.reception.poster import Layout


@dataclass(frozen=True)
class _Printed:
    """One kind of file."""

    file_name: str
    suffix: str
    mimetype: str
    description: str
    make: Callable[[ChannelView], bytes]


def _poster(layout: Layout) -> Callable[[ChannelView], bytes]:
    def make(view: ChannelView) -> bytes:
        return services().prints.poster_pdf(current_staff().facility, view.channel, layout)

    return make


def _qr_code(view: ChannelView) -> bytes:
    return services().prints.qr_png(view.url.current)


_PNG: Final = ("png", "image/png")
_PDF: Final = ("pdf", "application/pdf")

PRINTED: Final = MappingProxyType(
    {
        "qr-code": _Printed(
            "QRコード",
            *_PNG,
            "QRコードだけの画像です。ちらしやホームページに載せるときに使います。",
            _qr_code,
        ),
        "poster": _Printed(
            "ポスター",
            *_PDF,
            "受付や待合室に貼るA4のポスターです。",
            _poster(Layout.A4),
        ),
        "card": _Printed(
            "配布カード",
            *_PDF,
            "患者さんに渡す、名刺の大きさのカードです。",
            _poster(Layout.CARD),
        ),
        "sheet": _Printed(
            "配布カード10枚",
            *_PDF,
            "A4の紙1枚に配布カードを10枚並べたものです。切り取り線がついています。",
            _poster(Layout.SHEET),
        ),
    }
)

KIND: Final = f"<any({', '.join(repr(kind) for kind in PRINTED)}):kind>"


@blueprint.get(f"/reception-urls/{CHANNEL}/qr-image")
@requires(Permission.SEE_RECEPTION_URLS)
def qr_image(channel: str) -> Response:
    """Return the QR code for showing on the page."""
    return Response(_qr_code(channel_view(Channel(channel))), mimetype="image/png")


@blueprint.get(f"/reception-urls/{CHANNEL}/{KIND}")
@requires(Permission.SEE_RECEPTION_URLS)
def confirm_download(channel: str, kind: str) -> str:
    """Ask before a download and tell what will be in the file."""
    view, printed = channel_view(Channel(channel)), PRINTED[kind]
    return render_template(
        "console/download.html",
        view=view,
        printed=printed,
        name=dict(DOWNLOADS)[kind],
        kind=kind,
        file_name=_file_name(view, printed),
    )


@blueprint.get(f"/reception-urls/{CHANNEL}/{KIND}/file")
@requires(Permission.SEE_RECEPTION_URLS)
def download(channel: str, kind: str) -> Response:
    """Return the file under a name that tells facility, channel and version."""
    view, printed = channel_view(Channel(channel)), PRINTED[kind]
    return send_file(
        io.BytesIO(printed.make(view)),
        mimetype=printed.mimetype,
        as_attachment=True,
        download_name=_file_name(view, printed),
        max_age=0,
    )


def _file_name(view: ChannelView, printed: _Printed) -> str:
    code, version = current_staff().facility.code, view.url.current.number
    channel = SHORT_CHANNEL_NAMES[view.channel]
    return f"{printed.file_name}_{channel}_{code}_第{version}版.{printed.suffix}"
