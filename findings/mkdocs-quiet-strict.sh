#!/usr/bin/env bash
# mkdocs 1.6.1: `mkdocs build --strict --quiet` reports success for a site with broken links. `--strict` counts the
# warnings that reach a log handler, and `--quiet` raises the level of the logger, so that none does. Without `--quiet`
# the same build ends with exit code 1. A CI that is meant to be both quiet and strict checks nothing.
set -euo pipefail
version=1.6.1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "mkdocs==$version"
mkdir docs
printf 'site_name: x\n' >mkdocs.yml
printf '# Start\n\n[a page that is not there](nowhere.md)\n' >docs/index.md

strict=0 both=0
venv/bin/python -m mkdocs build --strict --site-dir one >strict.txt 2>&1 || strict=$?
venv/bin/python -m mkdocs build --strict --quiet --site-dir two >both.txt 2>&1 || both=$?
echo "mkdocs $version, a broken link: --strict ends with $strict, --strict --quiet with $both"
tail -1 strict.txt
if [ "$strict" = 1 ] && [ "$both" = 0 ] && [ ! -s both.txt ] && [ -f two/index.html ]; then
    echo "as seen: --quiet switches --strict off"
else
    echo "changed. Seen before: --strict 1, --strict --quiet 0 with no output and a written site. Now:" >&2
    cat strict.txt both.txt >&2
    exit 1
fi
