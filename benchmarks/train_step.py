"""Time one training step of `dcgan-sn` beside a plain transcription of the published loop.

Both run in one process, from the same weights, on the same batches, in alternation. The table gives the median seconds
of a step, images a second, and the median of the round-by-round ratios; then how far the two are apart after the first
step and over the loss curve in float32 (they are the same mathematics), and the share of the machine's matrix-product
rate.

    python benchmarks/train_step.py [--quick] [--json FILE] [--rounds 20] [--threads N]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import statistics
from pathlib import Path

import torch
from torch import Tensor

from flawforge.core.recipes import recipe
from flawforge.core.seeds import torch_stream
from flawforge.models.latents import draw_latents
from flawforge.training.device import resolve_precision
from flawforge.training.state import TrainingState
from flawforge.training.step import gan_step
from machine import keep, median_ratio, timed
from plain_dcgan import PlainLoop, copy_weights, plain_discriminator, plain_generator

GFLOP_A_STEP = 457.0  # products of one step of 12, without the discriminator's gradients that part 3 throws away
NEU = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data")) / "neu-det"


def real_batches(count: int, batch: int) -> list[Tensor]:
    """Return float32 batches (batch, 3, 128, 128): NEU scratches where they are, else noise (the time is the same)."""
    if NEU.is_dir():
        from flawforge.data.load import load
        from flawforge.training.batches import RealBatches

        data = load(NEU).select(["scratches"])
        batches = RealBatches(data.pixels((128, 128), 3), 255, batch, 0, "none")
        return [batches.at(step, torch.device("cpu")) for step in range(count)]
    print(f"no images at {NEU}: timing on noise")
    noise = torch_stream(0, "samples")
    return [torch.rand(batch, 3, 128, 128, generator=noise) * 2 - 1 for _ in range(count)]


def ceiling(dtype: torch.dtype) -> float:
    """Return the machine's matrix-product rate in GFLOP/s: the best of ten products of 2048 x 2048."""
    a, b = torch.randn(2048, 2048).to(dtype), torch.randn(2048, 2048).to(dtype)
    return float(2 * 2048**3 / min(timed(lambda: torch.mm(a, b)) for _ in range(10)) / 1e9)


def gradient_difference(batches: list[Tensor]) -> float:
    """Return |ours - plain| / |plain| of the discriminator's gradients in the first step, float32, over all weights."""
    published = recipe("dcgan-sn")
    plain = PlainLoop(plain_generator(), plain_discriminator())
    ours = TrainingState(published, 3, 0, torch.device("cpu"), "float32")
    copy_weights(ours.generator, ours.discriminator, plain)  # type: ignore[arg-type]
    latents = draw_latents(0, "latents", [(i,) for i in range(published.batch)], published.latent)
    seen: dict[str, list[Tensor]] = {}
    for name, adam in (("ours", ours.adam_d), ("plain", plain.adam_d)):  # as they are when the discriminator steps
        weights = adam.param_groups[0]["params"]
        adam.register_step_pre_hook(lambda *_, n=name, w=weights: seen.update({n: [x.grad.clone() for x in w]}))
    gan_step(ours, batches[0], latents)
    plain.step(batches[0], latents)
    gap = sum(float((a - b).square().sum()) for a, b in zip(seen["ours"], seen["plain"], strict=True))
    return float((gap / sum(float(b.square().sum()) for b in seen["plain"])) ** 0.5)


def curve_difference(batches: list[Tensor]) -> float:
    """Return the largest difference of the discriminator's loss over the steps in float64, both depths 8.

    In float32 any two orders of summing part after three steps: Adam's first steps are the gradients' signs, and a
    gradient near 0 may round to either side. float64 shows the mathematics.
    """
    small = recipe("dcgan-sn", generator_depth=8, discriminator_depth=8)
    plain = PlainLoop(plain_generator(8).double(), plain_discriminator(8).double())
    ours = TrainingState(small, 3, 0, torch.device("cpu"), "float32")
    ours.generator.double()
    ours.discriminator.double()
    for adam in (ours.adam_g, ours.adam_d):
        for memory in adam.state.values():
            memory |= {key: value.double() for key, value in memory.items() if key != "step"}
    copy_weights(ours.generator, ours.discriminator, plain)  # type: ignore[arg-type]
    gaps = []
    for step, real in enumerate(batches):
        latents = draw_latents(0, "latents", [(step, i) for i in range(small.batch)], small.latent).double()
        loss = float(gan_step(ours, real.double(), latents).loss_d)
        gaps.append(abs(loss - plain.step(real.double(), latents)[0]))
    return max(gaps)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="steps of each loop (default 20)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--quick", action="store_true", help="4 rounds")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rounds = 4 if args.quick else args.rounds

    published = recipe("dcgan-sn")
    cpu = torch.device("cpu")
    plain = PlainLoop(plain_generator(), plain_discriminator())
    ours = TrainingState(published, 3, 0, cpu, "float32")
    copy_weights(ours.generator, ours.discriminator, plain)  # type: ignore[arg-type]
    rows: dict[str, list[float]] = {"plain loop, float32": [], "dcgan-sn, float32": []}
    half = resolve_precision("auto", cpu) == "bfloat16"
    lower = TrainingState(published, 3, 0, cpu, "bfloat16") if half else None
    if lower is not None:
        rows["dcgan-sn, bfloat16"] = []

    batches = real_batches(rounds, published.batch)
    for step, real in enumerate(batches):
        latents = draw_latents(0, "latents", [(step, i) for i in range(published.batch)], published.latent)
        rows["plain loop, float32"].append(timed(lambda: plain.step(real, latents)))
        rows["dcgan-sn, float32"].append(timed(lambda: float(gan_step(ours, real, latents).loss_d)))
        if lower is not None:
            rows["dcgan-sn, bfloat16"].append(timed(lambda: float(gan_step(lower, real, latents).loss_d)))
        print(
            f"round {step + 1}/{rounds}: " + ", ".join(f"{name} {times[-1]:.2f} s" for name, times in rows.items()),
            flush=True,
        )

    rates = {"float32": ceiling(torch.float32), "bfloat16": ceiling(torch.bfloat16) if half else float("nan")}
    warm = {name: times[1:] for name, times in rows.items()}
    print(f"\n{'':24}{'s a step':>10}{'images/s':>10}{'speedup':>9}{'of ceiling':>12}")
    table = {}
    for name, times in warm.items():
        middle = statistics.median(times)
        ratio = median_ratio(warm["plain loop, float32"], times)
        share = GFLOP_A_STEP / middle / rates["bfloat16" if "bfloat16" in name else "float32"]
        table[name] = {"seconds": times, "median": middle, "speedup": ratio, "of_ceiling": share}
        print(f"{name:24}{middle:10.3f}{published.batch / middle:10.2f}{ratio:9.2f}{share:12.1%}")
    print(
        f"\nmatrix products: {rates['float32']:.0f} GFLOP/s in float32, {rates['bfloat16']:.0f} in bfloat16, "
        f"{args.threads} threads"
    )
    gradients, curve = gradient_difference(batches), curve_difference(batches)
    print(
        f"the same mathematics: the discriminator's first gradients differ from the plain loop's by {gradients:.1e} of"
    )
    print(f"their size (float32), the loss over {rounds} steps by at most {curve:.1e} (float64, depths 8)")
    result = {"rounds": rounds, "threads": args.threads, "ceiling_gflops": rates, "rows": table}
    keep(args.json, {**result, "gradient_difference": gradients, "curve_difference": curve})
    print(f"figure: speedup {table['dcgan-sn, float32']['speedup']:.3f}")


if __name__ == "__main__":
    main()
