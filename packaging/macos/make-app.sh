#!/bin/sh
# Puts the single file into an application bundle: packaging/macos/make-app.sh, after `make bridge`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
house=$(cd "$here/../.." && pwd)
app="$house/dist/zaitaku-bridge.app"
rm -rf "$app"
mkdir -p "$app/Contents/MacOS"
cp "$here/Info.plist" "$app/Contents/Info.plist"
cp "$house/dist/zaitaku-bridge" "$app/Contents/MacOS/zaitaku-bridge"
chmod 755 "$app/Contents/MacOS/zaitaku-bridge"
echo "$app"
