#!/usr/bin/env bash
# Resolves the dependencies again: hashes for every platform, no index address in the files.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet uv
compile() {
  "$folder/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-header \
    --extra server --extra bridge --extra build "$@" pyproject.toml
}
compile -o requirements.lock
compile --extra dev --extra bundle -c requirements.lock -o requirements-dev.lock
