#!/bin/sh
# Redis Sentinel の一つ。二つが「主がいない」と言えば、次の主を決める。
set -eu
umask 077
sleep "$WAIT_SECONDS"
file=/data/sentinel.conf
if [ ! -f "$file" ]; then
  cat >"$file" <<CONF
port 26379
bind 0.0.0.0
dir /data
protected-mode no
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $(hostname)
sentinel monitor zaitaku redis1 6379 2
sentinel auth-pass zaitaku $ZAITAKU_REDIS_PASSWORD
sentinel down-after-milliseconds zaitaku 2000
sentinel failover-timeout zaitaku 10000
sentinel parallel-syncs zaitaku 1
CONF
fi
exec redis-sentinel "$file"
