#!/bin/sh
# etcd の利用者を作り、合い言葉のない人を断るようにする。何度動かしてもよい。
# root は、これだけが使う。Patroni は、自分のところ（/service/）だけを読み書きする。
set -eu
export ETCDCTL_API=3 ETCDCTL_USER="root:$ETCD_ROOT_PASSWORD"

has_user() { # 名前 合い言葉
  etcdctl user get "$1" >/dev/null 2>&1 || printf '%s\n' "$2" | etcdctl user add "$1" --interactive=false
  etcdctl role get "$1" >/dev/null 2>&1 || etcdctl role add "$1"
  etcdctl user grant-role "$1" "$1"
}

has_user root "$ETCD_ROOT_PASSWORD"
has_user patroni "$ETCD_PATRONI_PASSWORD"
etcdctl role grant-permission patroni --prefix=true readwrite /service/
etcdctl auth enable
