#!/bin/sh
# make_venv.sh PYTHON DIR: a virtual environment, or one line that says what is missing.
set -eu
python=$1 dir=$2

if ! version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); then
    echo "tidings needs Python 3.11 or newer; '$python' does not run. Try: make PYTHON=python3.12 ..." >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "tidings needs Python 3.11 or newer; '$python' is $version. Try: make PYTHON=python3.12 ..." >&2
    exit 1
fi
# Debian keeps the parts that `python -m venv` needs in a package of their own.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$(dirname "$0")/apt_install.sh" "python$version-venv"
fi
# A try that was broken off leaves a directory without pip behind: start afresh.
"$python" -m venv --clear "$dir"
