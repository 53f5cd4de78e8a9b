#!/usr/bin/env bash
# albumentations 2.0.8: `FDA` (Fourier domain adaptation, Yang & Soatto 2020, eq. 3) exchanges a square of the spectrum
# that does not lie around frequency 0. The paper's square reaches from -b to +b; here, with b = 6 of 64 pixels, it
# reaches from -7 to +4. Of most frequencies one of the two conjugate halves gets the reference's amplitude, so that half
# of the change is thrown away with the imaginary part; and at beta below 0.03 the mean brightness, which the paper
# exchanges first of all, stays that of the source (on 64 pixels; below 0.016 nothing is exchanged at all).
# Who compares a method with "FDA as people use it" compares with something else. (The centre of an image, side / 2 -
# 0.5, stands where that of the shifted spectrum, side // 2, is meant.)
set -euo pipefail
version=2.0.8
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "albumentations==$version"
cat >shown.py <<'PYTHON'
import numpy as np
from albumentations.augmentations.mixing import domain_adaptation_functional as adaptation

for side, beta in ((64, 0.1), (64, 0.02), (65, 0.1)):
    exchanged = adaptation.low_freq_mutate(np.zeros((side, side)), np.ones((side, side)), beta)
    rows = np.flatnonzero(exchanged.any(1)) - side // 2  # np.fft.fftshift puts frequency 0 at side // 2
    print(f"side {side}, beta {beta}: frequencies {rows.min()} to {rows.max()}")
dark, bright = np.full((64, 64), 50, np.uint8), np.full((64, 64), 200, np.uint8)
dark[::2], bright[::2] = 60, 210
for beta in (0.02, 0.05):
    print(f"beta {beta}: mean {adaptation.fourier_domain_adaptation(dark, bright, beta).mean():.0f} of 55 and 205")
PYTHON
cat >seen.txt <<'SEEN'
side 64, beta 0.1: frequencies -7 to 4
side 64, beta 0.02: frequencies -2 to -1
side 65, beta 0.1: frequencies -6 to 5
beta 0.02: mean 55 of 55 and 205
beta 0.05: mean 205 of 55 and 205
SEEN
NO_ALBUMENTATIONS_UPDATE=1 venv/bin/python shown.py | tee now.txt
if cmp -s seen.txt now.txt; then
    echo "as seen: the square is off its centre"
else
    echo "changed. Seen before:" >&2
    cat seen.txt >&2
    exit 1
fi
