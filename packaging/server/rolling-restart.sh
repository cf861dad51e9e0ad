#!/usr/bin/env bash
# zaitaku の入れかえ: 一つずつ終わらせ、始め、使えるようになってから次へ進む。手続きは止まらない。
#   sudo packaging/server/rolling-restart.sh            （8001 と 8002）
#   sudo packaging/server/rolling-restart.sh 8001 8002 8003
# 先に新しい版を入れ、zaitaku migrate をすませ、/opt/zaitaku を切りかえておく（docs/deploying.md）。
set -euo pipefail
# nginx が、休んでいたサーバーにもう一度聞くまでの時間（zaitaku.conf の fail_timeout と、端数の2秒）より長く。
AWAY_SECONDS=${AWAY_SECONDS:-8}
SYSTEMCTL=${SYSTEMCTL:-systemctl}
[ $# -gt 0 ] || set -- 8001 8002
for port in "$@"; do
  echo "zaitaku-web@$port: 頼まれたことを終えて、始まり、使えるようになるのを待ちます（10秒ほど、長くて2分半）"
  # ExecStartPost が zaitaku ready を待つので、戻ったときには使える。
  "$SYSTEMCTL" restart "zaitaku-web@$port.service"
  echo "zaitaku-web@$port: 使えます。nginx がまたここに送り始めるのを待ちます（${AWAY_SECONDS}秒）"
  sleep "$AWAY_SECONDS"
done
echo "zaitaku-worker: 終わり、始まるのを待ちます（長くて30秒）"
"$SYSTEMCTL" restart zaitaku-worker.service
echo "終わりました"
