#!/bin/sh
# Installs what bench/seal compares with into a folder of the user's cache:
# pyHanko from PyPI, LibPDF and @signpdf from npm, PDFBox from Maven. Skips what is there.
# Needed: python3 with venv, node with npm, a JDK 17 with Maven.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/paraph-bench/seal"
mkdir -p "$cache"
want=$(cat "$here"/peers/* "$here"/peers/pdfbox/* 2>/dev/null | sha256sum)
[ "$(cat "$cache/made" 2>/dev/null)" = "$want" ] && exit 0
cp -R "$here"/peers/. "$cache/"
echo "installing pyHanko" >&2
[ -x "$cache/venv/bin/python" ] || python3 -m venv "$cache/venv"
"$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r "$cache/requirements.txt"
echo "installing LibPDF and @signpdf" >&2
(cd "$cache" && npm install --silent --ignore-scripts --no-audit --no-fund --omit=dev)
echo "installing PDFBox" >&2
(cd "$cache/pdfbox" && mvn --quiet --batch-mode dependency:copy-dependencies -DoutputDirectory=lib && javac -cp 'lib/*' -d classes Peer.java)
echo "$want" >"$cache/made"
