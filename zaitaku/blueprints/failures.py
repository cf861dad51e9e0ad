"""What people are told when something goes wrong: words by the failure's public code.

Every page says what happened in plain words, whether anything was registered, and what to do.
"""

from collections.abc import Mapping
from typing import Final

from zaitaku.blueprints.explanations import Explanation, NextStep
from zaitaku.blueprints.i18n import mark

_NOTHING_REGISTERED: Final = mark("まだ何も登録されていません。")
_ANSWERS_STAY: Final = mark("まだ何も登録されていません。答えは残っています。")
_CITY_HALL: Final = mark("お住まいの市区町村の窓口で、マイナンバーカードについて相談してください。")
_OTHER_WAYS: Final = mark(
    "急ぐときや、カードが使えないときは、医療機関や薬局に電話してください。資格確認書など、ほかの方法で受診できます。"
)
_OPEN_AGAIN: Final = mark(
    "案内の紙の二次元コードをもう一度読み取るか、番号を入力して、はじめからやり直してください。"
)
_ASK_FOR_NEW: Final = mark("医療機関や薬局に電話して、新しい案内をもらってください。")
_CARD_AGAIN: Final = mark("カードの読み取りを、もう一度やってみてください。")
_OTHER_READINGS: Final = mark("カードリーダーのあるパソコンでも、読み取れます。")
_FIRST_SCREEN: Final = mark(
    "受付を始めた画面に戻ってください。終わっていないときは、もう一度やり直せます。"
)
_WAIT: Final = mark("数分待ってから、もう一度やってみてください。")
_FOR_SAFETY: Final = mark("安全のため、しばらく受け付けません。")
_CALL: Final = mark("急ぐときは、医療機関や薬局に電話してください。")


def _too_many(heading: str, *happened: str) -> Explanation:
    return Explanation(heading, happened, (_CALL,))


def _app_trouble(heading: str) -> Explanation:
    return Explanation(
        heading,
        (
            mark("この受付とアプリのサービスの間で、つながりに問題があります。"),
            _NOTHING_REGISTERED,
        ),
        (_OTHER_READINGS, _OTHER_WAYS),
        NextStep.CARD_AGAIN,
    )


EXPLANATIONS: Final[Mapping[str, Explanation]] = {
    "certificate-expired": Explanation(
        mark("カードの電子証明書の期限が切れています"),
        (
            mark("カードに入っている利用者証明用電子証明書は、およそ5年で期限が切れます。"),
            _NOTHING_REGISTERED,
        ),
        (
            mark("お住まいの市区町村の窓口で、電子証明書を更新してください。"),
            _OTHER_WAYS,
        ),
        NextStep.OTHER_CARD,
    ),
    "certificate-not-yet-valid": Explanation(
        mark("カードの電子証明書は、まだ使えません"),
        (
            mark("カードの電子証明書の使い始めの日が、まだ来ていないようです。"),
            _NOTHING_REGISTERED,
        ),
        (
            mark("カードを受け取ったばかりのときは、明日、もう一度やってみてください。"),
            _OTHER_WAYS,
        ),
        NextStep.CARD_AGAIN,
    ),
    "certificate-revoked": Explanation(
        mark("このカードの電子証明書は、使えなくなっています"),
        (
            mark("カードをなくした届けや、カードの作り直しなどで、使えなくなることがあります。"),
            _NOTHING_REGISTERED,
        ),
        (_CITY_HALL, _OTHER_WAYS),
        NextStep.OTHER_CARD,
    ),
    "unknown-authority": Explanation(
        mark("マイナンバーカードの電子証明書だと確かめられませんでした"),
        (
            mark("読み取ったカードの電子証明書の発行元が、この受付では確かめられませんでした。"),
            _NOTHING_REGISTERED,
        ),
        (mark("ご自分のマイナンバーカードかどうかを、お確かめください。"), _OTHER_WAYS),
        NextStep.CARD_AGAIN,
    ),
    "wrong-certificate": Explanation(
        mark("カードの電子証明書の種類が違いました"),
        (
            mark("この受付で使うのは、カードの利用者証明用電子証明書（暗証番号が数字4けた）です。"),
            _NOTHING_REGISTERED,
        ),
        (mark("ご自分のマイナンバーカードかどうかを、お確かめください。"), _OTHER_WAYS),
        NextStep.CARD_AGAIN,
    ),
    "signature-mismatch": Explanation(
        mark("カードの答えと、同意の内容が合いませんでした"),
        (
            mark("途中で内容が変わったおそれがあるため、安全のために止めました。"),
            _NOTHING_REGISTERED,
        ),
        (_CARD_AGAIN, mark("何度も続くときは、医療機関や薬局に電話してください。")),
        NextStep.CARD_AGAIN,
    ),
    "verification-failed": Explanation(
        mark("カードを確かめられませんでした"),
        (_NOTHING_REGISTERED,),
        (_CARD_AGAIN, _OTHER_WAYS),
        NextStep.CARD_AGAIN,
    ),
    "revocation-unknown": Explanation(
        mark("カードが使えるかどうかを、いま確かめられません"),
        (
            mark(
                "電子証明書が使えるかどうかを問い合わせる先から、返事がありませんでした。カードの故障ではありません。"
            ),
            _NOTHING_REGISTERED,
        ),
        (_WAIT, _OTHER_WAYS),
        NextStep.CARD_AGAIN,
    ),
    "outcome-unknown": Explanation(
        mark("カードの読み取りの結果が見つかりません"),
        (
            mark(
                "読み取りから時間がたちすぎたか、この画面が読み取りアプリから開かれたものではないようです。"
            ),
            _NOTHING_REGISTERED,
        ),
        (_CARD_AGAIN,),
        NextStep.CARD_AGAIN,
    ),
    "outcome-foreign": Explanation(
        mark("別の手続きの読み取り結果でした"),
        (
            mark("この画面は、別の手続きで読み取ったカードの結果を受け取りました。"),
            mark("この手続きでは、まだ何も登録されていません。"),
        ),
        (_CARD_AGAIN,),
        NextStep.CARD_AGAIN,
    ),
    "challenge-unknown": Explanation(
        mark("カードの読み取りの時間が切れました"),
        (mark("読み取りの準備は、10分ほどで期限が切れます。"), _ANSWERS_STAY),
        (_CARD_AGAIN,),
        NextStep.CARD_AGAIN,
        offers_ways=True,
    ),
    "challenge-reused": Explanation(
        mark("このカードの読み取り結果は、もう使われています"),
        (mark("同じ読み取り結果は、一度しか使えません。"), _NOTHING_REGISTERED),
        (_CARD_AGAIN,),
        NextStep.CARD_AGAIN,
    ),
    "journey-registered": Explanation(
        mark("この手続きの答えは、すでに登録されています"),
        (
            mark("この手続きでは、前に送った答えが登録されています。"),
            mark("いまカードで送った答えは、登録されていません。"),
        ),
        (
            mark("答えを変えたいときは、はじめの画面から、もう一度やり直してください。"),
            mark("わからないときは、医療機関や薬局に電話して、受付番号をお伝えください。"),
        ),
        NextStep.DONE,
    ),
    "card-cancelled": Explanation(
        mark("カードの読み取りを取りやめました"),
        (_ANSWERS_STAY,),
        (mark("続けるときは、もう一度カードを読み取ってください。"),),
        NextStep.CARD_AGAIN,
        offers_ways=True,
    ),
    "handover-gone": Explanation(
        mark("この二次元コードや番号は、もう使えません"),
        (
            mark("二次元コードと番号は、5分たつか、一度使うと、使えなくなります。"),
            mark("登録が終わったかどうかは、受付を始めた画面でわかります。"),
        ),
        (mark("終わっていないときは、受付を始めた画面から、もう一度やり直せます。"),),
    ),
    "handover-expired": Explanation(
        mark("パソコンとつなぐ時間が切れました"),
        (mark("安全のため、時間がたつと使えなくなります。"), _NOTHING_REGISTERED),
    ),
    "handover-late": Explanation(
        mark("パソコンでの読み取りの時間が切れました"),
        (
            mark("パソコンで読み取りが終わっていたときは、これから登録されることがあります。"),
            mark("登録が終わったかどうかは、受付を始めた画面でわかります。"),
        ),
        (mark("終わっていないときは、受付を始めた画面から、もう一度やり直せます。"),),
    ),
    "handover-claimed": Explanation(
        mark("別のパソコンが、先に開いています"),
        (
            mark("この二次元コードや番号は、一台のパソコンだけで使えます。"),
            mark("この画面からは、何も登録されません。"),
        ),
        (
            mark(
                "心当たりがないときは、受付を始めた画面（スマートフォンなど）で「ちがいます」か「やめる」を押してください。"
            ),
            mark("終わっていないときは、受付を始めた画面から、もう一度やり直せます。"),
        ),
    ),
    "handover-same-browser": Explanation(
        mark("この画面は、カードを読み取るパソコンで開いてください"),
        (mark("二次元コードや番号を出した画面と、同じところで開かれました。"),),
        (
            mark(
                "カードリーダーのあるパソコンで、二次元コードを読み取るか、番号を入力してください。"
            ),
        ),
    ),
    "handover-cancelled": Explanation(
        mark("パソコンでの読み取りを取りやめました"),
        (
            mark(
                "二つの画面のどちらかで「やめる」か「ちがいます」が押されたか、受付を始めた画面で答え直しがありました。"
            ),
            _NOTHING_REGISTERED,
        ),
    ),
    "app-answers-changed": Explanation(
        mark("カードを読み取る間に、答えが変わりました"),
        (
            mark("アプリでの読み取りは、変わる前の答えのためのものでした。"),
            _NOTHING_REGISTERED,
        ),
        (mark("いまの答えで、もう一度カードを読み取ってください。"),),
        NextStep.CARD_AGAIN,
    ),
    "app-return-unknown": Explanation(
        mark("アプリの読み取りの結果が、見つかりません"),
        (
            mark("読み取りから時間がたちすぎたか、別のブラウザーで開かれたようです。"),
            mark("登録が終わったかどうかは、受付を始めた画面でわかります。"),
        ),
        (_FIRST_SCREEN,),
    ),
    "app-return-used": Explanation(
        mark("アプリの読み取りの結果は、もう使われています"),
        (
            mark("同じ読み取りの結果は、一つの画面で一度しか使えません。"),
            mark("登録が終わったかどうかは、受付を始めた画面でわかります。"),
        ),
        (_FIRST_SCREEN,),
    ),
    "app-in-progress": Explanation(
        mark("アプリの読み取りの結果を確かめています"),
        (mark("少しだけお待ちください。"),),
        (mark("しばらくしたら、下のボタンを押してください。"),),
        NextStep.SAME_PAGE,
    ),
    "app-cancelled": Explanation(
        mark("アプリでの読み取りを取りやめました"),
        (_ANSWERS_STAY,),
        (mark("続けるときは、もう一度カードを読み取ってください。"), _OTHER_READINGS),
        NextStep.CARD_AGAIN,
    ),
    "app-not-finished": Explanation(
        mark("アプリでの読み取りが終わりませんでした"),
        (
            mark("アプリが開かなかったか、途中で時間が切れたようです。"),
            _NOTHING_REGISTERED,
        ),
        (_CARD_AGAIN, _OTHER_READINGS),
        NextStep.CARD_AGAIN,
    ),
    "app-busy": Explanation(
        mark("アプリのサービスが、いま混み合っています"),
        (mark("アプリのサービスが混み合っているか、お休みしています。"), _NOTHING_REGISTERED),
        (_WAIT, _OTHER_READINGS),
        NextStep.CARD_AGAIN,
    ),
    "app-server-error": Explanation(
        mark("アプリのサービスで問題が起きました"),
        (mark("カードや暗証番号のまちがいではありません。"), _NOTHING_REGISTERED),
        (_WAIT, _OTHER_READINGS),
        NextStep.CARD_AGAIN,
    ),
    "app-away": Explanation(
        mark("アプリのサービスから、返事がありません"),
        (mark("カードや暗証番号のまちがいではありません。"), _NOTHING_REGISTERED),
        (_WAIT, _OTHER_READINGS),
        NextStep.CARD_AGAIN,
    ),
    "app-unmet-requirements": Explanation(
        mark("アプリで、必要な確認ができませんでした"),
        (
            mark("この受付には、マイナンバーカードと暗証番号での読み取りが要ります。"),
            _NOTHING_REGISTERED,
        ),
        (mark("アプリで、カードと暗証番号を使って読み取ってください。"), _OTHER_READINGS),
        NextStep.CARD_AGAIN,
    ),
    "app-too-weak": Explanation(
        mark("アプリでの確認が、足りませんでした"),
        (
            mark("この受付には、マイナンバーカードと暗証番号での読み取りが要ります。"),
            _NOTHING_REGISTERED,
        ),
        (mark("アプリで、カードと暗証番号を使って読み取ってください。"), _OTHER_READINGS),
        NextStep.CARD_AGAIN,
    ),
    "app-not-fresh": Explanation(
        mark("カードの読み取りが、前のものでした"),
        (mark("この受付のために、新しくカードを読み取る必要があります。"), _NOTHING_REGISTERED),
        (_CARD_AGAIN, _OTHER_READINGS),
        NextStep.CARD_AGAIN,
    ),
    "app-code-refused": Explanation(
        mark("アプリの読み取りの時間が切れました"),
        (mark("読み取りの結果は、すぐに期限が切れます。"), _NOTHING_REGISTERED),
        (_CARD_AGAIN,),
        NextStep.CARD_AGAIN,
    ),
    "app-clock": Explanation(
        mark("アプリの読み取りの時刻が合いませんでした"),
        (mark("読み取りの結果が古いか、時計がずれているようです。"), _NOTHING_REGISTERED),
        (_CARD_AGAIN, _OTHER_READINGS),
        NextStep.CARD_AGAIN,
    ),
    "app-nonce-mismatch": Explanation(
        mark("アプリの答えと、同意の内容が合いませんでした"),
        (
            mark("途中で内容が変わったおそれがあるため、安全のために止めました。"),
            _NOTHING_REGISTERED,
        ),
        (_CARD_AGAIN, mark("何度も続くときは、医療機関や薬局に電話してください。")),
        NextStep.CARD_AGAIN,
    ),
    "app-foreign-issuer": Explanation(
        mark("別のサービスからの答えでした"),
        (
            mark("お願いしたものとは別のサービスから答えが来たため、安全のために止めました。"),
            _NOTHING_REGISTERED,
        ),
        (_CARD_AGAIN, mark("何度も続くときは、医療機関や薬局に電話してください。")),
        NextStep.CARD_AGAIN,
    ),
    "app-rejected": Explanation(
        mark("番号がちがうため、読み取りを使いませんでした"),
        (mark("別の画面で「ちがいます」が押されました。"), _NOTHING_REGISTERED),
        (_CARD_AGAIN, _OTHER_READINGS),
        NextStep.CARD_AGAIN,
    ),
    "app-request-refused": _app_trouble(
        mark("アプリのサービスが、この受付からの依頼を受け付けませんでした")
    ),
    "app-client-refused": _app_trouble(
        mark("アプリのサービスが、この受付を確かめられませんでした")
    ),
    "app-answer-unknown": _app_trouble(mark("アプリのサービスの答えを読み取れませんでした")),
    "app-key-unknown": _app_trouble(mark("アプリのサービスの答えを、本物だと確かめられません")),
    "app-token-refused": _app_trouble(mark("アプリのサービスの答えを受け付けられませんでした")),
    "app-refused": _app_trouble(mark("アプリでの読み取りを確かめられませんでした")),
    "visit-date-over": Explanation(
        mark("受診日が過ぎています"),
        (mark("受診日が過ぎたため、同意を登録できませんでした。"), _NOTHING_REGISTERED),
        (_OPEN_AGAIN,),
    ),
    "foreign-document": Explanation(
        mark("手続きの内容が、案内のものと合いませんでした"),
        (_NOTHING_REGISTERED,),
        (_OPEN_AGAIN,),
    ),
    "malformed-document": Explanation(
        mark("手続きの内容を読み取れませんでした"),
        (_NOTHING_REGISTERED,),
        (_OPEN_AGAIN,),
    ),
    "url-retired": Explanation(
        mark("この案内は、新しいものに変わりました"),
        (
            mark("この案内の二次元コードやアドレスは、もう使えません。"),
            mark("途中だった手続きは、登録されません。前に終わった登録は、そのままです。"),
        ),
        (_ASK_FOR_NEW,),
    ),
    "channel-off": Explanation(
        mark("この受付は、いまお休みしています"),
        (
            mark("この医療機関や薬局では、この受付をいまは使っていません。"),
            mark("途中だった手続きは、登録されません。前に終わった登録は、そのままです。"),
        ),
        (mark("医療機関や薬局に電話して、どうすればよいかをおたずねください。"),),
    ),
    "reception-not-begun": Explanation(
        mark("この受付は、まだ始まっていません"),
        (_NOTHING_REGISTERED,),
        (mark("受付が始まったら、同じ案内の紙から、もう一度開いてください。"),),
    ),
    "unknown-url": Explanation(
        mark("このアドレスの受付は見つかりません"),
        (mark("アドレスの一部が欠けているか、まちがっているようです。"),),
        (
            mark("案内の紙の二次元コードを、もう一度読み取ってください。"),
            mark("案内の紙に番号があるときは、番号を入力して開くこともできます。"),
        ),
        NextStep.TYPE_NUMBER,
    ),
    "journey-gone": Explanation(
        mark("手続きの続きが見つかりません"),
        (
            mark(
                "始めてから時間がたったときや、別のスマートフォンやパソコン、別のアプリで開いたときは、続きが見つかりません。"
            ),
            mark("この受付の側で、続きがなくなることもあります。ご面倒をおかけします。"),
            mark("登録が終わっていないときは、何も登録されていません。"),
        ),
        (_OPEN_AGAIN,),
        NextStep.BEGIN_AGAIN,
    ),
    "journey-finished": Explanation(
        mark("この手続きは、もう終わっています"),
        (mark("登録した内容は変わっていません。"),),
        (mark("内容を変えたいときは、医療機関や薬局に電話してください。"),),
        NextStep.DONE,
    ),
    "not-found": Explanation(
        mark("この画面は見つかりません"),
        (mark("アドレスがまちがっているか、画面がなくなったようです。"),),
        (mark("案内の紙の二次元コードを、もう一度読み取ってください。"),),
        NextStep.TYPE_NUMBER,
    ),
    "forbidden": Explanation(
        mark("この画面は開けません"),
        (mark("この画面を見られる方は限られています。"),),
        (mark("案内の紙の二次元コードを、もう一度読み取ってください。"),),
        NextStep.TYPE_NUMBER,
    ),
    "form-expired": Explanation(
        mark("画面の期限が切れました"),
        (
            mark("安全のため、もう一度画面を開いてください。送った内容は受け取っていません。"),
            mark("ブラウザーがクッキー（小さな記録）を受け取らない設定だと、先へ進めません。"),
        ),
        (mark("下のボタンで、画面を開き直してください。"),),
        NextStep.SAME_PAGE,
    ),
    "too-many-attempts": _too_many(mark("入力の回数が多すぎます"), _FOR_SAFETY),
    "too-many-beginnings": _too_many(
        mark("いま、受付を始められません"),
        mark("短い時間に、とても多くの受付が始まりました。安全のため、しばらく止めています。"),
        _NOTHING_REGISTERED,
    ),
    "too-many-readings": _too_many(
        mark("カードの読み取りが、短い時間に何度もありました"),
        _FOR_SAFETY,
        mark("前に登録が終わっているときは、その内容は変わっていません。"),
    ),
    "store-unavailable": Explanation(
        mark("いま、混み合っているか、止まっています"),
        (),
        (_CALL,),
        NextStep.SAME_PAGE,
        comes_back=True,
    ),
    "registration-unknown": Explanation(
        mark("登録できたかどうかを、いま確かめられません"),
        (
            mark(
                "もう一度この画面を開くと、登録できていれば受付番号が出ます。二重に登録されることはありません。"
            ),
        ),
        (_CALL,),
        NextStep.SAME_PAGE,
        comes_back=True,
    ),
    "bad-request": Explanation(
        mark("送られた内容を読み取れませんでした"),
        (mark("画面が古いか、途中で内容が欠けたようです。何も登録されていません。"),),
        (mark("前の画面に戻って、もう一度やってみてください。"),),
    ),
    "unexpected": Explanation(
        mark("思わぬ問題が起きました"),
        (mark("ご迷惑をおかけします。問題は記録されました。"),),
        (_WAIT, mark("何度も続くときは、医療機関や薬局に電話してください。")),
        NextStep.SAME_PAGE,
    ),
}


def explain(code: str) -> Explanation:
    """Return the words for a public code; a code without words of its own gets the general ones."""
    return EXPLANATIONS.get(code, EXPLANATIONS["unexpected"])
