#!/usr/bin/env bash
# optuna 5.0.0: a storage with `heartbeat_interval` gives no heartbeat to trials that come from `study.ask()`, so
# `fail_stale_trials` never fails one whose worker has died: it stays RUNNING. The heartbeat belongs to `optimize` alone.
# `JournalStorage`, the file-based one, has none at all. Whoever writes a worker with ask and tell needs a sign of life
# of their own, or a killed worker's trial is never given to another.
set -euo pipefail
version=5.0.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "optuna==$version"
cat >asked.py <<'PY'
import time
import warnings

import optuna
from optuna.storages import JournalStorage, RDBStorage, fail_stale_trials
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.storages.journal import JournalFileBackend

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(storage=RDBStorage("sqlite:///trials.db", heartbeat_interval=1, grace_period=2))
study.ask()  # nobody tells its result, as if the worker had been killed
time.sleep(5)
fail_stale_trials(study)
journal = isinstance(JournalStorage(JournalFileBackend("journal.log")), BaseHeartbeat)
print(f"{study.trials[0].state.name}, journal heartbeat: {journal}")
PY
seen=$(venv/bin/python asked.py 2>/dev/null)
echo "optuna $version, asked 5 s ago, grace period 2 s: $seen"
if [ "$seen" = "RUNNING, journal heartbeat: False" ]; then
    echo "as seen: a trial that was asked for has no heartbeat"
else
    echo "changed. Seen before: RUNNING, journal heartbeat: False" >&2
    exit 1
fi
