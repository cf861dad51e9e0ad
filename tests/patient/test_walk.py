"""The whole way on both channels, at the HTTP level, without JavaScript."""

from tests.patient.conftest import Cards
from tests.patient.site import Site, Visitor
from zaitaku.facilities.model import Channel


def test_home_visit_from_the_url_to_the_reference_number(site: Site, cards: Cards) -> None:
    visitor = site.visitor()
    journey = visitor.start()
    assert visitor.heading == "マイナンバーカードは手元にありますか"
    visitor.prepare()
    assert visitor.heading == "いま操作しているのは、どなたですか"
    visitor.send("self")
    assert visitor.heading == "健康保険の資格を、この施設が確認します"
    visitor.send()
    assert visitor.heading == "情報を見せることに、どう答えますか"
    visitor.send("each")
    for decision in ("grant", "refuse", "grant", "refuse", "grant"):
        visitor.send(decision)
    assert visitor.heading == "答えを確かめてください"
    visitor.send()
    assert visitor.heading == "マイナンバーカードを読み取ります"
    assert visitor.read_card(journey, cards.good) == 200
    assert visitor.heading == "登録が終わりました"
    receipt = site.services.consent.receipt_of(journey.removeprefix("/j/"))  # type: ignore[arg-type]
    assert receipt is not None
    assert receipt.reference in visitor.text
    assert [line.decision for line in receipt.lines] == [
        "grant",
        "refuse",
        "grant",
        "refuse",
        "grant",
    ]
