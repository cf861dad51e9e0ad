"""What is wrong with the settings, in the operator's language.

The settings' own errors are for whoever develops; each has its sentence here.
"""

import re
from typing import Final

_SENTENCES: Final = tuple(
    (re.compile(pattern), sentence)
    for pattern, sentence in (
        (
            r"two of (.+) share a key",
            "{0} の輪に、同じ鍵があります。輪ごとに別の鍵を作ってください。",
        ),
        (r"none of (.+) is given", "{0} の、どれか1つは要ります。"),
        (r"(\S+): a key is too short or too regular; .+", "{0} の鍵が、短いか単純すぎます。{DRAW}"),
        (r"(\S+) is too short or too regular", "{0} が、短いか単純すぎます。{DRAW}"),
        (r"(.+): not set, but other (\S+) are", "ほかの {1} があるので、{0} も要ります。"),
        (r"(\S+) is not set", "{0} がありません。"),
        (r"(\S+) names a key twice", "{0} に、同じ鍵が2度あります。"),
        (r"(\S+) names no root certificate", "{0} に、ルート証明書のファイルがありません。"),
        (r"(\S+) names a server wrongly", "{0} の、サーバーの名前が正しくありません。"),
        (r"(\S+) needs PostgreSQL", "{0} は、PostgreSQLのときだけ使えます。"),
        (r"(\S+) needs a (ZAITAKU_\w+).*", "{0} には、{1} も要ります。"),
        (
            r"(\S+) is needed on an address off loopback",
            "この機械の外から見える口には、{0} が要ります。",
        ),
        (
            r"(\S+)( addresses)? must be https in production",
            "本番では、{0} は https にしてください。",
        ),
        (
            r"(\S+) must be https, or http on this machine",
            "{0} は、https か、この機械の http です。",
        ),
        (r"(\S+) must be an https address", "{0} は、https:// で始めてください。"),
        (
            r"(\S+) must be an http or https address",
            "{0} は、http:// か https:// で始めてください。",
        ),
        (
            r"(\S+) must be a scheme and a host in lower case, no more",
            "{0} は、https://zaitaku.example のように、小文字で、ホスト名までを書きます。",
        ),
        (
            r"(\S+) must be a telephone number like (\S+)",
            "{0} は、{1} のような電話番号です。",
        ),
        (r"(\S+) must be one line of at most (\d+) characters", "{0} は、1行、{1}字までです。"),
        (r"(\S+) must be visible ASCII without spaces", "{0} は、空白のない英数字と記号です。"),
        (r"(\S+) must be 1 to 255 visible characters", "{0} は、1〜255字の英数字と記号です。"),
        (r"(\S+) must be words with spaces between them", "{0} は、空白で区切った言葉です。"),
        (r"(\S+) must be an address and a port", "{0} は、127.0.0.1:9464 のように書きます。"),
        (r"(\S+) must be port numbers", "{0} は、ポートの番号です。"),
        (r"(\S+) must be a whole number", "{0} は、整数です。"),
        (r"(\S+) must be a version like 1\.2\.3", "{0} は、1.2.3 のように書きます。"),
        (r"(\S+) must be (-?\d+) to (-?\d+)", "{0} は、{1} から {2} までです。"),
        (r"(\S+) must be 0 or 1", "{0} は、0 か 1 です。"),
        (r"(\S+) must be production or sandbox", "{0} は、production か sandbox です。"),
        (r"(\S+) must be proved, asked or told", "{0} は、proved、asked、told のどれかです。"),
        (r"(\S+) must not be negative", "{0} は、0以上です。"),
        (
            r"(\S+) must begin with mailto:, https:// or tel:",
            "{0} は、mailto:、https://、tel: のどれかで始めてください。",
        ),
        (r"(\S+) must name a file: .+", "{0} は、SQLiteではファイルの名前にしてください。"),
        (r"(\S+) must be a SQLite file or (\S+)", "{0} は、SQLiteのファイルか {1}:// です。"),
        (r"(\S+) must have its password before the @", "{0} のパスワードは、@ の前に書きます。"),
        (r"(\S+) must have (target_session_attrs=\S+)", "{0} には、{1} も書きます。"),
        (r"(\S+) is not an address.*", "{0} の書き方が正しくありません。"),
        (r"ZAITAKU_REVOCATION_CA_FILE (.+) cannot be read", "{0} を読めません。"),
        (
            r"request key file (.+) cannot be read",
            "カードへの依頼の鍵 {0} を読めません。{MAY_READ}",
        ),
        (r"request key file (.+) cannot be written", "カードへの依頼の鍵 {0} に書けません。"),
        (
            r"request key file (.+) has (\d+) keys: .+",
            "カードへの依頼の鍵 {0} に、鍵が{1}個あります。いちばん後のものを消してください。",
        ),
        (r"request key file (.+) has no PEM key", "カードへの依頼の鍵 {0} に、鍵がありません。"),
        (r"request key file (.+) has .+", "カードへの依頼の鍵 {0} に、使えない鍵があります。"),
        (r"OpenID key file (.+) cannot be read", "OpenIDの鍵 {0} を読めません。{MAY_READ}"),
        (r"OpenID key file (.+) has no PEM key", "OpenIDの鍵 {0} に、鍵がありません。"),
        (r"OpenID key file (.+) has .+", "OpenIDの鍵 {0} に、使えない鍵があります。"),
        (r"trust anchors: no root .+", "ルート証明書が、どれも期間の外です。"),
        (r"trust anchors: (.+) cannot be read", "ルート証明書 {0} を読めません。{MAY_READ}"),
        (r"trust anchors: (.+) has no PEM certificate", "{0} に、証明書（PEM）がありません。"),
        (
            r"trust anchors: a test authority's root is refused in production",
            "試験用の認証局のルート証明書は、本番では使えません。ZAITAKU_TRUST_ANCHORS を"
            "本番のものにしてください。",
        ),
        (
            r"trust anchors: a root's key .+",
            "ルート証明書の鍵が、RSA 2048ビットでもP-384でもありません。",
        ),
        (
            r"trust anchors: a certificate .+",
            "ルート証明書でないものが、ZAITAKU_TRUST_ANCHORS にあります。",
        ),
    )
)
_LIST: Final = re.compile(r", | and ")
_DRAW: Final = "zaitaku keys draw で作ってください。"
_MAY_READ: Final = "場所と、動かす利用者（zaitaku）が読めることを確かめてください。"


def in_japanese(detail: str) -> str:
    """Return the sentence for an error of the settings; an unknown one as it is."""
    for pattern, sentence in _SENTENCES:
        found = pattern.fullmatch(detail)
        if found:
            values = (_LIST.sub("、", value or "") for value in found.groups())
            return sentence.format(*values, DRAW=_DRAW, MAY_READ=_MAY_READ)
    return detail
