#!/bin/sh
# Redis の一つ。初めの主は redis1。あとは Sentinel が決め、redis.conf に書き残す。
set -eu
umask 077
name=$(hostname)
file=/data/redis.conf
if [ ! -f "$file" ]; then
  cat >"$file" <<CONF
port 6379
bind 0.0.0.0
dir /data
protected-mode yes
requirepass $ZAITAKU_REDIS_PASSWORD
masterauth $ZAITAKU_REDIS_PASSWORD
replica-announce-ip $name
save ""
appendonly no
maxmemory-policy noeviction
CONF
  [ -z "${FIRST_PRIMARY:-}" ] || echo "replicaof $FIRST_PRIMARY 6379" >>"$file"
elif ! grep -q '^replicaof ' "$file"; then
  # 主が倒れて、Sentinel が気づく（2秒）より先に空で始め直すと、写しまで空になる。次の主が決まるのを待つ。
  sleep 10
fi
exec redis-server "$file"
