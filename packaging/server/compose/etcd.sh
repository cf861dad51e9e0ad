#!/bin/sh
# etcd の一つ。名前は hostname（etcd1〜etcd3）。
set -eu
name=$(hostname)
exec etcd --name "$name" --data-dir /data/etcd \
  --listen-peer-urls http://0.0.0.0:2380 --listen-client-urls http://0.0.0.0:2379 \
  --initial-advertise-peer-urls "http://$name:2380" --advertise-client-urls "http://$name:2379" \
  --initial-cluster etcd1=http://etcd1:2380,etcd2=http://etcd2:2380,etcd3=http://etcd3:2380 \
  --initial-cluster-state new --initial-cluster-token zaitaku \
  --auto-compaction-retention=1
