"""Do a demo's verdicts mean something? The demo on drawn steel with five seeds, and what each of them says.

A seed decides which images of each class are learnt from, the whole training, and the images that are made. The length
is given in images and not in minutes, so that a busy machine gives the same answer later.

    python benchmarks/demo_stability.py --work DIR [--seeds 5] [--json FILE]

It goes on in DIR where it stopped. Printed for each seed: the step of the chosen weights; the share of the real
variation that the generated images cover, and the same for as many real ones (as in the score's sentence); KID; the
planted copies that the audit found when it tested itself; its outcome; and processor seconds of all of it. The last
lines: `figure: planted` (the least share of planted copies found) and `figure: share_range` (the highest share covered
less the lowest, in percentage points).
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from flawforge.core.files import read_json, write_json
from flawforge.runs.folder import Run
from flawforge.runs.judged.audits import AuditRecord
from flawforge.runs.judged.scores import ScoreRecord
from flawforge.runs.records import load_record
from flawforge.runs.set_files import read_facts
from machine import keep

DRAW = ["demo-data", "steel"]
DEMO = ["run", "steel", "--recipe", "native", "--shots", "50", "--kimg", "8"]


@dataclass(frozen=True)
class Row:
    """What one seed says. Shares are 0 to 1; `seconds` are the processor's, on all cores together."""

    seed: int
    checkpoint: str
    covered: float
    covered_real: float
    kid: float
    planted: int
    found: int
    audit: str
    score: str
    seconds: float


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="scratch folder, gone on with")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.work = args.work.resolve()
    args.work.mkdir(parents=True, exist_ok=True)
    rows = [measure(seed, args.work) for seed in range(args.seeds)]
    print(f"{'seed':>4} {'weights':>14} {'covered':>8} {'real':>6} {'KID':>6} {'found':>14} {'CPU s':>6}  audit")
    for row in rows:
        print(
            f"{row.seed:4} {row.checkpoint:>14} {row.covered:8.1%} {row.covered_real:6.1%} {row.kid:6.1f} "
            f"{row.found:9} of {row.planted} {row.seconds:6.0f}  {row.audit}"
        )
    keep(args.json, {"commands": [DRAW, DEMO], "rows": [asdict(row) for row in rows]})
    covered = [row.covered for row in rows]
    print(f"figure: planted {min(row.found / row.planted for row in rows):.3f}")
    print(f"figure: share_range {100 * (max(covered) - min(covered)):.1f}")


def measure(seed: int, work: Path) -> Row:
    """Do the demo with a seed, as far as it is not done yet, and read what it says."""
    folder = work / f"seed-{seed}"
    spent = work / f"seed-{seed}.json"
    for words in (DRAW, [*DEMO, "--seed", str(seed), "--out", str(folder)]):
        before = _processor_seconds()
        done = subprocess.run([sys.executable, "-m", "flawforge", *words], cwd=work, check=True, capture_output=True)
        so_far = read_json(spent)["seconds"] if spent.is_file() else 0.0
        write_json(spent, {"seconds": so_far + _processor_seconds() - before})
    print(f"seed {seed}: {done.stdout.decode().strip()}", file=sys.stderr, flush=True)
    run = Run.open(folder)
    audit, score = load_record(run, "audit", AuditRecord), load_record(run, "score", ScoreRecord)
    numbers = {quantity.name: quantity for quantity in score.quantities}
    coverage, kid = numbers["coverage"], numbers["kid"]
    assert audit.copying is not None
    assert coverage.generated.value is not None
    assert coverage.real.value is not None
    assert kid.generated.value is not None
    return Row(
        seed=seed,
        checkpoint=str(read_facts(run.synthetic)["checkpoint"]).split("@")[0],
        covered=coverage.generated.value,
        covered_real=coverage.real.value,
        kid=kid.generated.value,
        planted=audit.copying.planted,
        found=audit.copying.recovered,
        audit=audit.copying.verdict,
        score=score.sentence,
        seconds=read_json(spent)["seconds"],
    )


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
