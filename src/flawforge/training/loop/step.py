"""One step of the adversarial game, in the order of the published experiment."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from flawforge.models.native import NativeInputs
from flawforge.models.placed import PlacedInputs
from flawforge.models.whole_batch import deviation, deviation_within
from flawforge.training.losses import LOSSES, diversity_gap
from flawforge.training.setup.batches import Batches
from flawforge.training.state.state import TrainingState

NUMBERS = ("loss_d", "loss_g", "d_real", "d_fake", "spread")


class StepOutcome(NamedTuple):
    """What a step tells, as tensors that are still on the device, scalars but for the scores: of this process's part of
    the batch where there are several, but for the spread.

    Attributes:
        loss_d: the discriminator's loss, real part plus generated part.
        loss_g: the generator's loss.
        d_real: mean D(x) over the real batch, 0 to 1.
        d_fake: mean D(G(z)) over the generated batch before the discriminator's step, 0 to 1.
        spread: standard deviation over the generated batch over that over the real batch, mean over pixels: near 0
            when all generated images are alike. Where there are more classes than half a batch: within classes.
        scores: (2, N) the discriminator's output for each real image, and for each generated one, 0 to 1; where it
            judges several places of an image, their mean.
    """

    loss_d: Tensor
    loss_g: Tensor
    d_real: Tensor
    d_fake: Tensor
    spread: Tensor
    scores: Tensor

    def stacked(self) -> Tensor:
        """Return the five `NUMBERS` as one float32 tensor, to be fetched at once."""
        return torch.stack([getattr(self, name).detach().float() for name in NUMBERS])


def train_step(state: TrainingState, batches: Batches) -> StepOutcome:
    """Take what images are made from, and real ones, train both networks and move the average: step `state.step`."""
    inputs = batches.inputs_at(state.step, state.recipe.latent, state.device)
    real = batches.at(state.step, state.device)
    labels = batches.labels_at(state.step, state.device)
    state.augmentation.step = state.step
    outcome = gan_step(state, real, inputs, labels, batches.paired)
    state.step += 1
    if state.recipe.ema_kimg > 0:
        state.average.update(state.shown, state.recipe.batch)
    return outcome


def gan_step(
    state: TrainingState,
    real: Tensor,
    inputs: Tensor | NativeInputs | PlacedInputs,
    labels: Tensor | None = None,
    within: bool = False,
) -> StepOutcome:
    """Train both networks on one real batch (N, C, H, W), its classes (N,) and one batch of latents (N, L), or of what
    else its generator takes.

    Generated images are asked for in the classes of the real batch. Where the recipe augments, the discriminator sees
    nothing else than augmented images, and gradients reach the generator through the augmentation (Zhao et al. 2020,
    2006.10738).

    As published: (1) discriminator on the real batch, target 1, backward; (2) generate, discriminator on the detached
    images, target 0, backward into the same gradients, one discriminator step; (3) discriminator on the same images,
    target 1, backward, one generator step. Here (1) and (2) go through the discriminator together, each batch with its
    own statistics, which is the same mathematics; and in (3) the discriminator's weights take no gradient: the
    published loop works them out and throws them away.

    Where `within` is True, each class comes in the batch twice or not at all, and the spread is that within classes.
    """
    if labels is None:
        labels = torch.zeros(len(real), dtype=torch.int64, device=real.device)
    generator, discriminator = state.generator, state.discriminator
    loss, augment = LOSSES[state.recipe.loss], state.augmentation
    real = real.contiguous(memory_format=torch.channels_last)

    # The discriminator learns: real images are real, and generated ones are not.
    discriminator.requires_grad_(True)
    state.adam_d.zero_grad(set_to_none=True)
    with state.autocast():
        fake = generator(inputs, labels)
        shown = torch.cat([augment(real, "real"), augment(fake.detach(), "fake")])
        logits_real, logits_fake = discriminator(shown, torch.cat([labels, labels]), batches=2).chunk(2)
    loss_d = loss.real(logits_real) + loss.fake(logits_fake)
    loss_d.backward()  # type: ignore[no-untyped-call]
    state.adam_d.step()

    # The generator learns what the discriminator now takes for real.
    discriminator.requires_grad_(False)
    state.adam_g.zero_grad(set_to_none=True)
    with state.autocast():
        logits_judged = discriminator(augment(fake, "judged"), labels)
    loss_g = loss.generator(logits_judged)
    wanted = loss_g
    if state.recipe.diversity > 0:
        wanted = loss_g + state.recipe.diversity * diversity_gap(fake, real, labels, state.processes.across)
    if isinstance(inputs, PlacedInputs) and state.recipe.rebuilding > 0:
        wanted = wanted + state.recipe.rebuilding * inputs.missed(fake)
    wanted.backward()  # type: ignore[no-untyped-call]
    state.adam_g.step()

    with torch.no_grad():
        augment.adapt(logits_real, len(real))
        across = state.processes.across
        made, true = (
            (deviation_within(images, labels, across) if within else deviation(images, across)).mean()
            for images in (fake.detach().float(), real)
        )
        outputs = [logits.float().sigmoid() for logits in (logits_real, logits_fake)]
        return StepOutcome(
            loss_d=loss_d.detach(),
            loss_g=loss_g.detach(),
            d_real=outputs[0].mean(),
            d_fake=outputs[1].mean(),
            spread=made / true.clamp_min(1e-6),
            scores=torch.stack([output.reshape(len(real), -1).mean(1) for output in outputs]),
        )
