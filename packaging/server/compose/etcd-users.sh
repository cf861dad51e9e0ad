#!/bin/sh
# etcd の利用者を作り、合言葉のない人を断るようにする。何度動かしてもよい。
# root は、これだけが使う。Patroni は、自分のところ（/service/）だけを読み書きする。
set -eu
export ETCDCTL_API=3 ETCDCTL_USER="root:$ETCD_ROOT_PASSWORD"

# 三つが組になり、組の版（etcdcluster）が決まるのを待つ。その前に始まった Patroni は、
# 古い etcd だと思い、1分ほど動かない。
until python3 - <<'PY'
import json, os, sys, urllib.request

for place in os.environ["ETCDCTL_ENDPOINTS"].split(","):
    address = f"http://{place.removeprefix('http://')}/version"
    try:
        told = json.load(urllib.request.urlopen(address, timeout=3))
    except (OSError, ValueError):
        sys.exit(1)
    if told["etcdcluster"].split(".")[:2] != told["etcdserver"].split(".")[:2]:
        sys.exit(1)
PY
do sleep 1; done

has_user() { # 名前 合言葉
  etcdctl user get "$1" >/dev/null 2>&1 || printf '%s\n' "$2" | etcdctl user add "$1" --interactive=false
  etcdctl role get "$1" >/dev/null 2>&1 || etcdctl role add "$1"
  etcdctl user grant-role "$1" "$1"
}

has_user root "$ETCD_ROOT_PASSWORD"
has_user patroni "$ETCD_PATRONI_PASSWORD"
etcdctl role grant-permission patroni --prefix=true readwrite /service/
etcdctl auth enable
