"""Time one training step of `dcgan-sn` beside a plain transcription of the published loop; one of `fewshot`, `native`.

From the same weights, on the same batches, in alternation. The plain loop runs in processes of its own: once as PyTorch
stands, and once with large memory pages, which `flawforge` asks for and a plain program does not. The table gives the
median seconds of a step, images a second, the median of the round-by-round ratios, and the share of two rates that
are measured in the same run: that of matrix products, and that of the convolution that does most of the step's work,
alone, in the same layout and number format. Then how far ours and the plain loop are apart after the first step and
over the loss curve (they are the same mathematics).

    python benchmarks/train_step.py [--quick] [--json FILE] [--rounds 20] [--threads N] [--device cuda]
    python benchmarks/train_step.py --recipes native --threads 1 --processor    one recipe, on a busy machine
    python benchmarks/train_step.py --profile    only where the time of a step goes, by operation
    python benchmarks/train_step.py --scores    only what the distributions in the history take of a step
    python benchmarks/train_step.py --same    only how far the two are apart, over --rounds steps
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the command line does

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from convolutions import convolutions
from flawforge.core.seeds import torch_stream
from flawforge.core.settings.recipes import recipe
from flawforge.models.latents import draw_latents
from flawforge.models.native import NativeInputs, draw_noise, patch_labels
from flawforge.training.health.training_health import LINE_STEPS
from flawforge.training.loop.step import gan_step
from flawforge.training.loop.training_log import score_quantiles
from flawforge.training.processes.device import Precision, honest_float32, resolve_device, resolve_precision
from flawforge.training.state.state import TrainingState
from machine import keep, median_ratio, timed
from plain_dcgan import PlainLoop, copy_weights, plain_discriminator, plain_generator
from plain_worker import PlainWorker

RECIPES = ("dcgan-sn", "fewshot", "native")
Clock = Callable[[], float]
NEU = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data")) / "neu-det"


def real_batches(count: int, batch: int) -> list[Tensor]:
    """Return float32 batches (batch, 3, 128, 128): NEU scratches where they are, else noise (the time is the same)."""
    if NEU.is_dir():
        from flawforge.data.reading.load import load
        from flawforge.training.setup.batches import RealBatches

        data = load(NEU).select(["scratches"])
        batches = RealBatches(data.pixels((128, 128), 3), 255, batch, 0, "none")
        return [batches.at(step, torch.device("cpu")) for step in range(count)]
    print(f"no images at {NEU}: timing on noise")
    noise = torch_stream(0, "samples")
    return [torch.rand(batch, 3, 128, 128, generator=noise) * 2 - 1 for _ in range(count)]


def ceiling(dtype: torch.dtype, device: torch.device, work: Clock = time.perf_counter) -> float:
    """Return the device's matrix-product rate in GFLOP/s: the best of ten products, 2048 x 2048, on a GPU 8192."""
    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(side, side).to(device, dtype) for _ in range(2))
    return float(2 * side**3 / min(timed(lambda: torch.mm(a, b)[0, 0].item(), work) for _ in range(10)) / 1e9)


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


def stepper(name: str, precision: Precision, batches: list[Tensor], device: torch.device) -> Callable[[int], float]:
    """Return what makes step number n of a recipe on the batches, and returns the discriminator's loss.

    `fewshot` sees them at its own size, in its own batch, in gray, as six classes in turn; `native` as well, half of
    them as patches.
    """
    chosen = recipe(name)
    if chosen.knows_classes:
        pool = torch.nn.functional.interpolate(torch.cat(batches).mean(1, keepdim=True), chosen.resolution)
        batches = [pool[torch.arange(chosen.batch) % len(pool)]]
    batches = [batch.to(device) for batch in batches]
    labels = torch.arange(chosen.batch, device=device) % 6 if chosen.knows_classes else None
    if labels is not None and chosen.composes:
        labels = patch_labels(labels[: chosen.batch // 2], 6)
    state = TrainingState(chosen, batches[0].shape[1], 0, device, precision, 6 if chosen.knows_classes else 1)

    def step(number: int) -> float:
        latents = draw_latents(0, "latents", [(number, i) for i in range(chosen.batch)], chosen.latent).to(device)
        made_from: Tensor | NativeInputs = latents
        if chosen.composes:
            count, whole = chosen.batch // 2, batches[0][: chosen.batch // 2]
            places = torch.tensor([[40.0, 40.0, 200.0, 200.0]], device=device).expand(count, 4)
            noise = draw_noise(count, chosen.resolution, torch_stream(0, "latents", number)).to(device)
            made_from = NativeInputs(whole, whole, places, latents[:count], noise)
        state.augmentation.step = number
        with honest_float32(precision):
            outcome = gan_step(state, batches[number % len(batches)], made_from, labels)
        if chosen.ema_kimg > 0:
            state.average.update((number + 1) * chosen.batch, chosen.batch)
        return float(outcome.loss_d)

    return step


def step_gflop(step: Callable[[int], float]) -> float:
    """Return the GFLOP of the matrix products and convolutions of one step, as they are done."""
    with FlopCounterMode(display=False) as counter:
        step(0)
    return float(counter.get_total_flops()) / 1e9


def show_difference(batches: list[Tensor]) -> tuple[float, float]:
    """Print and return how far ours and the plain loop are apart: first gradients, and the loss over the batches."""
    gradients, curve = gradient_difference(batches), curve_difference(batches)
    print("the same mathematics: the discriminator's first gradients differ from the plain loop's by ", end="")
    print(
        f"{gradients:.1e} of\ntheir size (float32), the loss over {len(batches)} steps by at most {curve:.1e} ", end=""
    )
    print("(float64, depths 8)")
    return gradients, curve


def show_profile(
    names: Sequence[str], batches: list[Tensor], half: bool, device: torch.device
) -> dict[str, dict[str, float]]:
    """Print where the time of a step goes, by operation, of each recipe; return milliseconds a step.

    An operation on maps of one shape counts with its shortest time of ten steps, since others may be at work as well.
    """
    kept, gpu = {}, device.type == "cuda"
    for name in names:
        step = stepper(name, "bfloat16" if half else "float32", batches, device)
        for number in range(2):
            step(number)
        shortest: dict[tuple[str, str], float] = defaultdict(lambda: float("inf"))
        calls: dict[tuple[str, str], int] = {}
        for number in range(2, 12):
            activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
            with profile(activities=activities, record_shapes=True) as seen:
                step(number)
            for row in seen.key_averages(group_by_input_shape=True):
                key = row.key, str(row.input_shapes)
                busy = row.self_device_time_total if gpu else row.self_cpu_time_total
                shortest[key], calls[key] = min(shortest[key], busy / 1e3), row.count
        ms: dict[str, float] = defaultdict(float)
        for (operation, _), one in shortest.items():
            ms[operation] += one
        total, order = sum(ms.values()), sorted(ms, key=lambda one: -ms[one])
        print(f"\n{name}: {total:.0f} ms a step, seen by the profiler")
        for operation in order[:16]:
            count = sum(each for (own, _), each in calls.items() if own == operation)
            print(f"{operation:44}{ms[operation]:9.1f} ms{ms[operation] / total:8.1%}{count:8} calls")
        kept[name] = {operation: ms[operation] for operation in order[:30]}
    return kept


def show_scores(batches: list[Tensor], device: torch.device) -> None:
    """Print what the history's distributions of the discriminator's outputs take of a step, of 500 outputs an image
    (more than any recipe's).
    """
    for name in RECIPES:
        step, chosen = stepper(name, "float32", batches, device), recipe(name)
        whole = statistics.median(timed(lambda n=n: step(n)) for n in range(6))  # type: ignore[misc]
        logits = torch.randn(2, chosen.batch, 500, device=device)

        def collect(logits: Tensor = logits) -> None:
            score_quantiles([logits.sigmoid().mean(2) for _ in range(LINE_STEPS)])

        extra = statistics.median(timed(collect) for _ in range(50)) / LINE_STEPS
        print(f"{name:12}{1e3 * whole:9.1f} ms a step, of them {1e3 * extra:.3f} ms ({extra / whole:.3%}) for scores")


def show_rates(
    steps: dict[str, Callable[[int], float]], times: dict[str, list[float]], device: torch.device, work: Clock
) -> dict[str, dict[str, float]]:
    """Print and return the share of the machine's rates that the steps have, measured now.

    Args:
        steps: by recipe and number format, and the plain loops under names of their own.
        times: the seconds of each, without the first one.
        device: where.
        work: what seconds are read from.
    """
    kinds = {name.rpartition(" ")[2] for name in steps}
    products = {kind: ceiling(getattr(torch, kind), device, work) for kind in sorted(kinds)}
    print(f"\nmatrix products: {', '.join(f'{rate:.0f} GFLOP/s in {kind}' for kind, rate in products.items())}")
    table: dict[str, dict[str, float]] = {}
    for name, step in steps.items():
        middle, gflop = statistics.median(times[name]), step_gflop(step)
        most, rate, alone = convolutions(step, work)
        row = {"gflop": gflop, "convolution_gflops": rate, "convolutions_seconds": alone, "median": middle}
        row |= {
            "of_ceiling": gflop / middle / products[name.rpartition(" ")[2]],
            "of_convolution": gflop / middle / rate,
            "alone": alone / middle,
        }
        print(f"{name:24}{gflop:7.1f} GFLOP a step, {gflop / middle:.0f} GFLOP/s: ", end="")
        print(f"{row['of_ceiling']:.1%} of matrix products, {row['of_convolution']:.1%} of convolutions")
        print(f"{'':24}({rate:.0f} GFLOP/s: {most}); ", end="")
        print(f"all of its convolutions, each alone, take {1e3 * alone:.0f} ms, {row['alone']:.0%} of the step")
        table[name] = row
    return table


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="steps of each loop (default 20)")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES), help="default: all")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", help="auto, cpu (default), cuda, cuda:0, ...")
    parser.add_argument("--processor", action="store_true", help="count the processor's seconds (with --threads 1)")
    parser.add_argument("--quick", action="store_true", help="4 rounds")
    parser.add_argument("--profile", action="store_true", help="only show where the time goes")
    parser.add_argument("--scores", action="store_true", help="only show what the history's distributions take")
    parser.add_argument("--same", action="store_true", help="only show how far ours and the plain loop are apart")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    batches = real_batches(4 if args.quick else args.rounds, recipe("dcgan-sn").batch)
    device = resolve_device(args.device)
    half = resolve_precision("auto", device) == "bfloat16"
    if args.profile:
        keep(args.json, {"profile_ms": show_profile(args.recipes, batches, half, device)})
    elif args.scores:
        show_scores(batches, device)
    elif args.same:
        show_difference(batches)
    else:
        compare(args, batches, half, device)


def compare(args: argparse.Namespace, batches: list[Tensor], half: bool, device: torch.device) -> None:
    """Run the loops in alternation, print the tables and the figure, and keep them."""
    work = time.process_time if args.processor else time.perf_counter
    formats: list[Precision] = ["float32", "bfloat16"] if half else ["float32"]
    steps = {f"{name}, {kind}": stepper(name, kind, batches, device) for name in args.recipes for kind in formats}
    rows: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        plain = {}
        if "dcgan-sn" in args.recipes:  # the published loop; its processes are timed by the clock on the wall
            pages = {"plain loop": False, "plain loop, large pages": True}
            plain = {
                name: stack.enter_context(PlainWorker(large, args.threads, device)) for name, large in pages.items()
            }
        for number in range(len(batches)):
            for name, worker in plain.items():
                rows[name].append(worker.step())
            for name, step in steps.items():
                rows[name].append(timed(lambda s=step, n=number: s(n), work))  # type: ignore[misc]
            told = ", ".join(f"{name} {times[-1]:.2f} s" for name, times in rows.items())
            print(f"round {number + 1}/{len(batches)}: {told}", flush=True)

    warm = {name: times[1:] for name, times in rows.items()}
    print(f"\n{'':24}{'s a step':>10}{'images/s':>10}{'speedup':>9}{'with large pages':>18}")
    speedups = {}
    for name, times in warm.items():
        which = name.partition(",")[0]
        line = f"{name:24}{statistics.median(times):10.3f}"
        line += f"{recipe(which if which in RECIPES else 'dcgan-sn').batch / statistics.median(times):10.2f}"
        if plain and which not in ("fewshot", "native"):
            speedups[name] = [median_ratio(warm[one], times) for one in plain]
            line += f"{speedups[name][0]:9.2f}{speedups[name][1]:18.2f}"
        print(line)
    table = show_rates(steps, warm, device, work)
    result = {"rounds": len(batches), "threads": args.threads, "seconds": rows, "speedups": speedups, "rates": table}
    if plain:
        whole = recipe("dcgan-sn").steps(300) * statistics.median(warm[f"dcgan-sn, {formats[-1]}"])
        print(f"\nthe 128 epochs of 300 images: {whole:.0f} s at this rate (reckoned, not run)")
        result["gradient_difference"], result["curve_difference"] = show_difference(batches)
    result["profile_ms"] = show_profile(args.recipes, batches, half, device)
    keep(args.json, result)
    if plain:
        print(f"figure: speedup {speedups[f'dcgan-sn, {formats[-1]}'][0]:.3f}")
    else:
        first = [row["of_convolution"] for name, row in table.items() if name.startswith(args.recipes[0])]
        print(f"figure: of_convolution {max(first):.3f}")


if __name__ == "__main__":
    main()
