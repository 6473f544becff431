#!/bin/sh
# Installs what bench/ocr compares with: Debian's OCRmyPDF (as root) and the
# current one from PyPI in a folder of the user's cache. Skips what is there.
set -eu
if ! command -v ocrmypdf >/dev/null 2>&1; then
    echo "installing the package ocrmypdf"
    apt-get install -y --no-install-recommends ocrmypdf
fi
venv="${XDG_CACHE_HOME:-$HOME/.cache}/paraph-bench/ocrmypdf"
if [ ! -x "$venv/bin/ocrmypdf" ]; then
    echo "installing OCRmyPDF from PyPI into $venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet ocrmypdf
fi
ocrmypdf --version
"$venv/bin/ocrmypdf" --version
