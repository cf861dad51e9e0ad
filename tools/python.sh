#!/usr/bin/env bash
# Names the Python to build on. The system's own comes first: it is what servers run, and it is built
# with a profile, which a Python of one's own rarely is (a quarter more CPU, docs/performance.md).
fits() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}
# Without it a virtual environment needs Debian's python3-venv, which only root can bring.
has_environments() {
  "$1" -c 'import ensurepip' 2>/dev/null || [ "$(id -u)" -eq 0 ]
}
system=/usr/bin/python3
if fits "$system" && has_environments "$system"; then echo "$system"; else echo python3; fi
