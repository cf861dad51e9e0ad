"""A clinic's administrator in front of the console."""

import io
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.running import RunningDemo

ACTS = {"rotate": "URLを変更する", "revert": "URLを変更前に戻す", "reset": "最初のURLに戻す"}
PIXELS_PER_POINT = 150 / 72


@dataclass
class Clinic:
    """Somebody who works with the console."""

    page: Page
    demo: RunningDemo

    def log_in(self) -> None:
        """Log in as the demo's administrator."""
        console = self.demo.facts["console"]
        self.page.goto(console["url"])
        self.page.get_by_label("医療機関等コード").fill(self.demo.facts["facility_code"])
        self.page.get_by_label("ユーザID").fill(console["user_id"])
        self.page.get_by_label("パスワード").fill(console["password"])
        self.page.get_by_role("button", name="ログイン").click()
        expect(self.page.locator("h1")).to_have_text("メニュー")

    def open_urls(self) -> None:
        """Open 医療機関別URL 取得・変更."""
        self.page.goto(f"{self.demo.origin}/console/reception-urls")

    def shown_url(self, channel: str) -> str:
        """Return the URL that the page shows for a channel."""
        self.open_urls()
        section = self.page.locator(f"section[aria-labelledby={channel}-title]")
        return section.locator(f"#{channel}-url").first.inner_text().strip()

    def change(self, channel: str, act: str, reason: str) -> None:
        """Walk all pages of rotate, revert or reset."""
        self.open_urls()
        section = self.page.locator(f"section[aria-labelledby={channel}-title]")
        section.get_by_role("link", name=ACTS[act]).click()
        self.page.get_by_role("checkbox").check()
        self.page.get_by_role("button", name="次へ").click()
        if act != "reset":
            self.page.get_by_role("button", name="OK").click()
        self.page.locator("textarea[name=reason]").fill(reason)
        self.page.locator("main").get_by_role("button", name=ACTS[act]).click()
        self.page.get_by_role("button", name="OK").click()
        expect(self.page).to_have_url(
            f"{self.demo.origin}/console/reception-urls/{channel}/{act}/completion"
        )

    def download(self, channel: str, kind: str) -> Path:
        """Download a QR code or a poster through its confirmation page."""
        self.page.goto(f"{self.demo.origin}/console/reception-urls/{channel}/{kind}")
        with self.page.expect_download() as waiting:
            self.page.locator("main").get_by_role("link", name="OK").click()
        return Path(waiting.value.path())

    def consented_patient(self, reference: str) -> str:
        """Return the row of the list of consented patients that has ``reference``."""
        self.page.goto(f"{self.demo.origin}/console/consented-patients?q={reference}")
        row = self.page.locator("tbody tr", has_text=reference)
        expect(row).to_have_count(1)
        return row.inner_text()


def decode_pdf(path: Path) -> str:
    """Print the first page of a PDF to pixels and read its QR code with an independent decoder."""
    page = pypdfium2.PdfDocument(path)[0]
    return decode_image(page.render(scale=PIXELS_PER_POINT).to_pil())


def decode_image(image: Image.Image | bytes) -> str:
    """Read the one QR code of an image."""
    if isinstance(image, bytes):
        image = Image.open(io.BytesIO(image))
    codes = zxingcpp.read_barcodes(image.convert("L"))
    assert len(codes) == 1
    text: str = codes[0].text
    return text
