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

newest() { # 名前の初め。名前は、日時の順に並ぶ
  find "$1" -maxdepth 1 -name "$2*" 2>/dev/null | sort | tail -n 1
}

case ${1:-} in
backup)
  "$zaitaku" backup make "$folder" ${KEEP:+--keep "$KEEP"}
  [ -n "${SEAL_FOR:-}" ] || exit 0
  copy=$(newest "$folder" zaitaku-)
  "$zaitaku" backup seal "$copy" --for "$SEAL_FOR" --to "$sealed/$(basename "$copy").age"
  ;;
audit)
  mkdir -p "$heads"
  last=$(newest "$heads" heads-)
  "$zaitaku" audit verify ${last:+--heads "$last"}
  "$zaitaku" audit heads >"$heads/.today"
  mv "$heads/.today" "$heads/heads-$(date +%Y%m%dT%H%M%S).txt"
  ;;
doctor)
  "$zaitaku" doctor
  ;;
*)
  echo "使い方: daily.sh backup|audit|doctor" >&2
  exit 2
  ;;
esac
