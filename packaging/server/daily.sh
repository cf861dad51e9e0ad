#!/bin/sh
# 毎日の仕事を一つ（zaitaku-daily@….service が動かす。説明: docs/operations.md）。
#   backup  控えを一つ作り、確かめる。KEEP があれば、新しいほうからその数だけを残す。
#           SEAL_FOR（age1…）があれば、封をして SEAL_FOLDER に置く
#   audit   操作の記録を、前に書きとめた終わりと比べて確かめ、今日の終わりを HEADS_FOLDER に書く
#   doctor  おかしいところはないか。あれば、失敗として終わる
set -eu
umask 077
zaitaku=${ZAITAKU:-/opt/zaitaku/.venv/bin/zaitaku}
folder=${BACKUP_FOLDER:-/var/backups/zaitaku}
sealed=${SEAL_FOLDER:-/var/backups/zaitaku-sealed}
heads=${HEADS_FOLDER:-/var/lib/zaitaku/heads}

# 時計が先に進んでいた日の名前は、いつまでも終わりに並ぶ。だから、名前の順では選ばない。
made() { # zaitaku backup make のことばの、1行目の「…: 」のあとが、いま作った控え
  printf '%s\n' "$1" | sed -n '1s/^[^:]*: //p'
}

case ${1:-} in
backup)
  status=0
  told=$("$zaitaku" backup make "$folder" ${KEEP:+--keep "$KEEP"}) || status=$?
  [ -z "$told" ] || printf '%s\n' "$told"
  [ "$status" -eq 0 ] || exit "$status"
  [ -n "${SEAL_FOR:-}" ] || exit 0
  copy=$(made "$told")
  [ -d "$copy" ] || { echo "封をする控えが分かりません: $copy" >&2; exit 1; }
  "$zaitaku" backup seal "$copy" --for "$SEAL_FOR" --to "$sealed/$(basename "$copy").age"
  ;;
audit)
  mkdir -p "$heads"
  # .last は、前に書きとめた終わりを指す。それがなければ、名前の終わりのものと比べる。
  named=$(cat "$heads/.last" 2>/dev/null || true) lost=
  if [ -n "$named" ] && [ -f "$heads/$named" ]; then
    last=$heads/$named
  else
    last=$(find "$heads" -maxdepth 1 -name 'heads-*' | sort | tail -n 1)
    lost=${named:+$heads/$named}
  fi
  "$zaitaku" audit verify ${last:+--heads "$last"}
  [ -z "$lost" ] ||
    echo "前に書きとめた $lost がなく、それとは比べていません。持ち出すときは、移さずに写してください" >&2
  "$zaitaku" audit heads >"$heads/.today"
  # 医療機関等がまだ一つもない日。空のファイルとは、あしたくらべられない。
  [ -s "$heads/.today" ] || { echo "医療機関等がまだないので、書きとめる行がありません"; exit ${lost:+1}; }
  today=heads-$(date +%Y%m%dT%H%M%S).txt
  mv "$heads/.today" "$heads/$today"
  printf '%s\n' "$today" >"$heads/.last"
  # 比べるものを消せば黙る、ということにはしない。今日の分は書いたので、あしたは比べられる。
  exit ${lost:+1}
  ;;
doctor)
  "$zaitaku" doctor
  ;;
*)
  echo "使い方: daily.sh backup|audit|doctor" >&2
  exit 2
  ;;
esac
