"""A synthetic set as a PyTorch dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader

from flawforge.core.errors import RunNotFoundError, SettingError
from flawforge.studies.sets.torch_dataset import as_dataset
from flawforge.studies.synthesis.run import generate


def test_images_are_the_files_in_the_contract_of_memory(make_run: Any) -> None:
    run = make_run()
    made = generate(run, 5)
    dataset = as_dataset(run)
    assert len(dataset) == 5
    image, label = dataset[3]
    assert (image.dtype, tuple(image.shape), label) == (torch.float32, (1, 20, 24), 0)
    pixels = made.read(list(made.entries())[3])
    assert np.array_equal(np.rint((image[0].numpy() + 1) * 127.5), pixels)
    assert dataset.classes == ["scratches"]
    assert dataset.targets == [0] * 5


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_channels_and_size_as_asked(
    make_run: Any, draw_images: Any, tmp_path: Path, mode: str, channels: int | None
) -> None:
    run = make_run(draw_images(tmp_path / "data" / "dents", 4, mode=mode, sizes=((20, 24), (30, 18))))
    generate(run, 8)
    images = [image for image, _ in as_dataset(run, size=(12, 10), channels=channels)]
    expected = channels or (3 if mode == "RGB" else 1)
    assert {tuple(image.shape) for image in images} == {(expected, 12, 10)}
    stacked = torch.stack(images)
    assert stacked.min() >= -1
    assert stacked.max() <= 1
    assert stacked.std() > 0.02


def test_it_joins_ones_own_in_a_loader_with_workers(make_run: Any) -> None:
    run = make_run()
    generate(run, 6)
    own: Any = [(torch.zeros(1, 16, 16), 0)] * 4
    both = ConcatDataset([own, as_dataset(run.synthetic, size=16, class_to_index={"good": 0, "scratches": 7})])
    for context in ("fork", "spawn"):
        batches = list(DataLoader(both, batch_size=5, num_workers=1, multiprocessing_context=context))
        assert torch.cat([labels for _, labels in batches]).tolist() == [0] * 4 + [7] * 6
        assert torch.cat([images for images, _ in batches]).shape == (10, 1, 16, 16)


def test_what_cannot_be_is_explained(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    with pytest.raises(RunNotFoundError) as caught:
        as_dataset(run)
    assert str(caught.value) == (
        f"there is no synthetic set in {run.synthetic}. Generate one with: flawforge generate {run.path} -n 64"
    )
    with pytest.raises(RunNotFoundError, match=f"flawforge generate RUN -n 64 --out {tmp_path / 'x'}"):
        as_dataset(tmp_path / "x")
    generate(run, 2)
    with pytest.raises(SettingError) as wrong:
        as_dataset(run, class_to_index={"good": 0})
    assert str(wrong.value) == (
        f"class_to_index has no number for class 'scratches' of {run.synthetic}; it has good. Add one, e.g. "
        f"class_to_index={{**yours, 'scratches': 0}}"
    )
    with pytest.raises(SettingError, match="channels is 2; allowed: 1, 3, or None"):
        as_dataset(run, channels=2)
    with pytest.raises(SettingError, match="size is 0; it is a number of pixels"):
        as_dataset(run, size=0)
