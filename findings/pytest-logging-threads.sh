#!/usr/bin/env bash
# pytest 9.2.0: before each phase of a test its logging plugin goes through all loggers that there are, to attach itself
# to those that do not propagate, and takes no lock. A server that a fixture runs in a thread makes loggers as it imports
# its modules (uvicorn, Pillow's formats), and a test that begins at that moment fails with "RuntimeError: dictionary
# changed size during iteration". The traceback begins in contextlib and names neither test, thread nor logger, so it
# looks like a fault of the test that it hits, and comes once in many runs. Here many loggers stand for the moment that
# has to be hit. pytest 8.4.2 attaches to the root logger alone, and all tests pass. `-p no:logging` ends it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
cat >test_beside_a_server.py <<'PYTHON'
import itertools
import logging
import threading

import pytest


@pytest.fixture(scope="module", autouse=True)
def server():
    for number in range(200_000):
        logging.getLogger(f"known{number}")
    over = threading.Event()

    def importing():
        for number in itertools.count():
            if over.wait(0.0001):
                return
            logging.getLogger(f"imported{number}")

    thread = threading.Thread(target=importing, daemon=True)  # where the fixture is never ended, so that the run is
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.parametrize("number", range(20))
def test_nothing(number):
    pass
PYTHON
seen() { # version, options: what the run says
    venv/bin/pip install --quiet --disable-pip-version-check "pytest==$1"
    venv/bin/python -m pytest -q -p no:cacheprovider "${@:2}" >run.txt 2>&1 || true
    if grep -q "RuntimeError: dictionary changed size during iteration" run.txt; then
        echo "pytest $*: dictionary changed size during iteration"
    else
        echo "pytest $*: $(grep -o '^20 passed' run.txt)"
    fi
}
{
    seen 8.4.2
    seen 9.2.0
    seen 9.2.0 -p no:logging
} | tee now.txt
cat >seen.txt <<'SEEN'
pytest 8.4.2: 20 passed
pytest 9.2.0: dictionary changed size during iteration
pytest 9.2.0 -p no:logging: 20 passed
SEEN
if cmp -s seen.txt now.txt; then
    echo "as seen: a test fails by a logger that a thread makes"
else
    echo "changed. Seen before:" >&2
    cat seen.txt >&2
    exit 1
fi
