"""Without any training: which generated images repeat a shot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.studies.trial.cells import generator
from flawforge.studies.trial.cells.generator import MIN_KEPT, USAGES, Filter, GeneratedBatch, Usage


def generated() -> GeneratedBatch:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(2), 40)
    soft = np.full((80, 2), 0.1, np.float32)
    soft[np.arange(80), labels] = 0.9
    soft[:5] = soft[:5, ::-1]  # five of class 0 that look like class 1
    novel = np.ones(80, np.uint8)
    novel[20:23] = 0
    images, typical = np.zeros((80, 1, 2, 2), np.uint8), (np.arange(80) % 2).astype(np.uint8)
    return GeneratedBatch(images, labels, typical, novel, soft, rng.uniform(0.5, 1.5, 80).astype(np.float32))


def chosen(batch: GeneratedBatch, filter: Filter, typical: bool, classes: tuple[int, ...] | None = None) -> Ints:
    usage = Usage(name="x", share=0.5, filter=filter, typical=typical, classes=classes)
    return batch.chosen(usage, batch.labels)


def test_filters_keep_what_they_say() -> None:
    batch = generated()
    assert chosen(batch, "none", typical=False).tolist() == list(range(0, 80, 2))
    agreeing = chosen(batch, "agreeing", typical=True)
    assert set(agreeing.tolist()) == set(range(1, 80, 2)) - {1, 3}
    strict = chosen(batch, "strict", typical=False)
    assert 20 not in strict
    assert 22 not in strict
    assert batch.realism is not None
    assert batch.realism[strict].mean() > batch.realism[agreeing].mean()
    assert chosen(batch, "strict", typical=False, classes=(1,)).min() >= 40


def test_a_class_that_hardly_passes_keeps_its_surest_images() -> None:
    soft = generated().soft
    assert soft is not None
    soft[:40, 0] = np.linspace(0.0, 0.4, 40)
    soft[:40, 1] = 1 - soft[:40, 0]
    kept = chosen(replace(generated(), soft=soft), "agreeing", typical=False)
    first = kept[kept < 40]
    assert len(first) == MIN_KEPT
    assert first.min() >= 40 - 2 * MIN_KEPT  # of the even rows, those with the highest probability


def test_a_strategy_survives_its_record_which_keeps_its_old_keys() -> None:
    for usage in (*USAGES, Usage(name="x", share=0.5, filter="none", classes=(1, 2))):
        assert Usage.model_validate(usage.model_dump(mode="json", by_alias=True)) == usage
    assert USAGES[0].model_dump(mode="json", by_alias=True) == {
        "name": "half, labelled by the teacher",
        "share": 0.5,
        "filter": "agreeing",
        "typical": False,
        "taught": True,
        "hard": False,
        "classes": None,
    }


def test_a_batch_survives_its_cell() -> None:
    batch = generated()
    assert GeneratedBatch.from_arrays(batch.arrays()).arrays() == batch.arrays()
    assert set(replace(batch, soft=None, realism=None).arrays()) == {"images", "labels", "typical", "novel"}


def test_an_image_is_a_repeat_when_it_is_nearer_to_a_shot_than_two_shots_of_different_groups_are() -> None:
    rng = np.random.default_rng(0)
    shots = rng.integers(0, 256, (4, 1, 6, 6)).astype(np.uint8)
    shots[1] = shots[0] ^ 1  # nearly the same, but of the same group: sets no limit
    other = rng.integers(0, 256, (1, 1, 6, 6)).astype(np.uint8)
    made = np.concatenate([shots[2:3], shots[3:4, :, :, ::-1], shots[2:3, :, ::-1, ::-1] ^ 1, other])
    found = generator._novel(shots, np.array([0, 0, 1, 2]), made)
    assert found[:3].tolist() == [0, 0, 0]
    assert (
        generator._novel(shots, np.zeros(4, np.int64), made).tolist() == [1] * 4
    )  # one group: nothing to compare with
