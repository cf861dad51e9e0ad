"""What is wrong with a CSV file that somebody sent, in words."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from zaitaku.core.tables_in import TableUnreadable

_WORDS: Final = MappingProxyType(
    {
        "not-csv": "CSVファイルではありません。ExcelファイルやZIPファイルは読み込めません。"
        "Excelで開いて「CSV UTF-8（コンマ区切り）」で保存し、そのファイルを選んでください。",
        "encoding": "文字コードが読み取れません。UTF-8かShift-JISで保存し直してください。",
        "empty": "ファイルが空です。入力したファイルを選んでください。",
        "headings": "1行目の見出しが様式と違います。見出しを「{headings}」の順にしてください。"
        "見出しが合っているときは、文字コードをUTF-8かShift-JISにして保存し直してください。",
        "no-rows": "2行目から下にデータがありません。1件以上入力してください。",
        "too-many-rows": "データは{most:,}件までです。ファイルを分けてください。",
        "columns": "{row}行目の列が多すぎます。{width}列にしてください"
        '（途中にコンマを入れるときは、全体を「"」で囲みます）。',
        "cell-too-long": "{row}行目あたりに、長すぎる項目があります。"
        '「"」を閉じ忘れているときも、そうなります。{row}行目から下を確かめてください。',
        "quotes": '{row}行目あたりの「"」の付け方が違うため、読み取れません。'
        '「"」は2つ1組で、項目の最初と最後に付けてください。',
    }
)


def table_mistake(error: TableUnreadable, headings: Sequence[str], most_rows: int) -> str:
    """Return the sentence that says what to mend in the file."""
    return _WORDS[error.rule].format(
        headings="、".join(headings), most=most_rows, row=error.row, width=len(headings)
    )
