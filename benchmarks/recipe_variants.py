"""What `fewshot` could have been beside its settings: other losses, other discriminators, other batches.

Each was measured by `recipe_choice.py`. They live here and not in the package, because they lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.core.seeds import torch_stream
from flawforge.models import projected
from flawforge.models.fewshot import Grain
from flawforge.training.losses import diversity_gap, hinge_fake, hinge_real, mean_distance
from flawforge.training.setup.batches import RealBatches
from flawforge.training.state.state import TrainingState

R1_EVERY = 8  # steps between two penalties (lazy regularisation: Karras et al. 2020, 1912.04958)
LECAM_MEMORY = 0.99

Step = Callable[[TrainingState, Tensor, Tensor, Tensor], object]


class OtherStep:
    """A step of `fewshot` with another loss.

    Args:
        relativistic: pairs of a real and a generated image of one class, softplus of the difference (Jolicoeur-
            Martineau 2018, 1807.00734; Huang et al. 2024, 2501.05441), in the place of the hinge.
        r1: weight of half the squared gradient at real images (Mescheder et al. 2018, 1801.04406), every 8 steps.
        lecam: weight of the pull of both logits to the other's moving average (Tseng et al. 2021, 2104.03310).
        features: weight of the diversity term in the frozen network's pooled maps of stages 2, 3 and 5.
    """

    def __init__(
        self, *, relativistic: bool = False, r1: float = 0.0, lecam: float = 0.0, features: float = 0.0
    ) -> None:
        self.relativistic, self.r1, self.lecam, self.features = relativistic, r1, lecam, features
        self.means: dict[str, float] = {}

    def __call__(self, state: TrainingState, real: Tensor, latents: Tensor, labels: Tensor) -> None:
        """Train both networks on one batch, in the order of `flawforge.training.loop.step`."""
        judge, augment, weight = state.discriminator, state.augmentation, state.recipe.diversity
        judge.requires_grad_(True)
        state.adam_d.zero_grad(set_to_none=True)
        shown = augment(real, "real")
        penalised = self.r1 > 0 and state.step % R1_EVERY == 0
        if penalised:
            shown = shown.detach().requires_grad_(True)
        with state.autocast():
            logits_real = judge(shown, labels).float()
            fake = state.generator(latents, labels)
            logits_fake = judge(augment(fake.detach(), "fake"), labels).float()
        loss = self._discriminator(logits_real, logits_fake)
        if penalised:
            (slope,) = torch.autograd.grad(logits_real.mean(1).sum(), shown, create_graph=True)
            loss = loss + R1_EVERY * self.r1 / 2 * slope.square().sum((1, 2, 3)).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        state.adam_d.step()

        judge.requires_grad_(False)
        state.adam_g.zero_grad(set_to_none=True)
        changed = augment(fake, "judged")
        with state.autocast():
            logits = judge(changed, labels).float()
        wanted = F.softplus(logits_real.detach() - logits).mean() if self.relativistic else -logits.mean()
        if weight > 0:
            wanted = wanted + weight * diversity_gap(fake, real, labels)
        if self.features > 0:
            wanted = wanted + self.features * feature_gap(judge, changed, shown.detach(), labels)
        wanted.backward()
        state.adam_g.step()

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        loss = F.softplus(fake - real).mean() if self.relativistic else hinge_real(real) + hinge_fake(fake)
        if self.lecam == 0:
            return loss
        for name, logits in (("real", real), ("fake", fake)):
            mean = float(logits.detach().mean())
            self.means[name] = LECAM_MEMORY * self.means.get(name, mean) + (1 - LECAM_MEMORY) * mean
        pulled = (real - self.means["fake"]).square().mean() + (fake - self.means["real"]).square().mean()
        return loss + self.lecam * pulled


def feature_gap(judge: torch.nn.Module, fake: Tensor, real: Tensor, labels: Tensor) -> Tensor:
    """Return `diversity_gap` in the frozen network's pooled maps. It sees the images once more, so it costs time."""
    first, second = torch.triu_indices(len(labels), len(labels), 1)
    same = labels[first] == labels[second]
    assert isinstance(judge, projected.ProjectedDiscriminator)
    network = judge._frozen[0]
    gaps = []
    sides = [network.forward_stages(projected.enlarged(images.float()), 5) for images in (fake, real)]
    for stage in (1, 2, 4):
        made, true = (maps[stage].mean((2, 3)) for maps in sides)
        gaps.append(F.relu(1 - mean_distance(made, first, second, same) / mean_distance(true, first, second, same)))
    return torch.stack(gaps).mean() * same.any()


class FewClasses(RealBatches):
    """Batches of `each` images from each of a few classes, the classes in turn, so that a batch shows their variety."""

    each = 4

    def indices(self, step: int) -> Tensor:
        """Return (batch,) indices."""
        classes = [torch.nonzero(self.labels == code).flatten() for code in range(int(self.labels.max()) + 1)]
        generator = torch_stream(self.seed, "order", step)
        rows = []
        for place in range(self.batch // self.each):
            turn, at = divmod(step * (self.batch // self.each) + place, len(classes))
            order = torch.randperm(len(classes), generator=torch_stream(self.seed, "order", "classes", turn))
            members = classes[int(order[at])]
            rows.append(members[torch.randint(len(members), (self.each,), generator=generator)])
        return torch.cat(rows)


@contextmanager
def judged(side: int, halvings: dict[int, int]) -> Iterator[None]:
    """Enlarge images to this side before the frozen network sees them, and put heads of so many halvings on stages."""
    with patch.object(projected, "SEEN", side), patch.object(projected, "HALVINGS", halvings):
        yield


@contextmanager
def without_grain() -> Iterator[None]:
    """Leave the generator's maps without grain."""
    with patch.object(Grain, "forward", _as_it_is):
        yield


def _as_it_is(layer: Grain, x: Tensor, latents: Tensor) -> Tensor:
    return x
