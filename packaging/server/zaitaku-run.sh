#!/bin/sh
# zaitaku のコマンドを一つ、サイトと同じ設定、同じ利用者で動かす:
#   sudo /opt/zaitaku/packaging/server/zaitaku-run.sh doctor
# zaitaku.env は systemd が読む。シェルの「. zaitaku.env」では、アドレスの & や空白で切れる。
set -eu
way=--pipe
[ ! -t 0 ] || [ ! -t 1 ] || way=--pty
exec "${SYSTEMD_RUN:-systemd-run}" --quiet --wait --collect "$way" --uid=zaitaku --gid=zaitaku \
  -p EnvironmentFile=/etc/zaitaku/zaitaku.env -p StateDirectory=zaitaku -p UMask=0077 \
  -p WorkingDirectory=/var/lib/zaitaku "${ZAITAKU:-/opt/zaitaku/.venv/bin/zaitaku}" "$@"
