"""What the terminal says when the demo runs."""

from pathlib import Path
from typing import Any

from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.facilities.model import Channel


def as_text(summary: dict[str, Any], data: Path) -> str:
    """Return the summary in words; ``demo.json`` in ``data`` has the same for scripts."""
    console, code = summary["console"], summary["facility_code"]
    lines = ["", f"zaitaku が動いています（{summary['facility_name']}）", "", "患者さんの入口:"]
    lines += [
        f"  {CHANNEL_NAMES[Channel(channel)]}\n    {url}"
        for channel, url in summary["patient_urls"].items()
    ]
    lines += ["", "医療機関の管理画面:", f"  {console['url']}"]
    lines += [f"    医療機関等コード  {code}"]
    lines += [f"    ユーザID          {console['user_id']}"]
    lines += [f"    パスワード        {console['password']}"]
    others = "、".join(f"{role} {user_id}" for role, user_id in summary["staff"].items())
    lines += [f"    ほかのユーザID    {others}（パスワードは同じ）"]
    lines += ["", "カードの読み取りアプリ（仮想カード。カードの入れ替えもここで）:"]
    lines += [f"  {summary['bridge']}/", "", "仮想カード（名前 … 暗証番号 … 用途）:"]
    lines += [
        f"  {card['name']} … {card['pin'] or 'なし'} … {card['description']}"
        for card in summary["cards"]
    ]
    lines += ["", "スマートフォンのアプリの代わり（読み取り方で「アプリ」を選ぶと開きます）:"]
    lines += [f"  {summary['app']}"]
    lines += ["", f"同じ内容: {data / 'demo.json'}"]
    lines += ["  （テスト用データセットアップに入力するカードのシリアル番号は、cards の serial）"]
    lines += [f"コマンドを試す: . {data / 'demo.env'} && .venv/bin/zaitaku facility show {code}"]
    lines += ["Ctrl-C で終わります。"]
    return "\n".join(lines)
