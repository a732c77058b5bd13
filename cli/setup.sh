#!/usr/bin/env bash
# Makes the virtual environment: setup.sh FOLDER EXTRAS. Names what is missing, and how to get it.
set -euo pipefail
venv=$1 extras=$2

missing() { echo "Gofer needs $1. $2" >&2; exit 1; }
hint() { # package names: Debian, macOS
  if command -v apt-get >/dev/null; then echo "Install it: sudo apt-get install $1"
  elif command -v brew >/dev/null; then echo "Install it: brew install $2"
  elif command -v dnf >/dev/null; then echo "Install it: sudo dnf install ${3:-$2}"
  else echo "Install it with your system's package manager."; fi
}

command -v python3 >/dev/null || missing "python3 (3.11 or newer)" "$(hint 'python3 python3-venv' python3)"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  missing "Python 3.11 or newer (this is $(python3 -V 2>&1))" "$(hint 'python3.11 python3.11-venv' python@3.12 python3.12)"
python3 -c 'import venv, ensurepip' 2>/dev/null ||
  missing "Python's venv module" "$(hint python3-venv python3)"
command -v git >/dev/null || missing "git (2.38 or newer)" "$(hint git git)"
git_version=$(git --version | grep -oE '[0-9]+\.[0-9]+' | head -n 1)
[ "$(printf '2.38\n%s\n' "$git_version" | sort -V | head -n 1)" = 2.38 ] ||
  missing "git 2.38 or newer (this is $git_version)" "$(hint git git)"

[ -x "$venv/bin/python" ] || { echo "Making $venv …"; python3 -m venv "$venv"; }
echo "Installing what Gofer needs into $venv (once) …"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$extras]"
