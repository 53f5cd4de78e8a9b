import json
from collections.abc import Callable

import numpy as np

from flawforge.reports.page import report
from flawforge.reports.run.gallery import gallery
from flawforge.reports.run.synthetic import read_synthetic


def test_images_of_many_sizes_share_one_scale_and_one_cell(drawn: Callable) -> None:
    run = drawn()
    run.previews(reals=[np.full((h, w), 90, np.uint8) for h, w in ((100, 512), (300, 200))])
    run.synthetic(3, lambda i: np.full((256, 256), i, np.uint8))
    shown = gallery(run.run, read_synthetic(run.run), 255)
    assert shown.scale == 0.5
    assert [(picture.width, picture.height) for _, _, picture in shown.real] == [(256, 50), (100, 150)]
    assert [(picture.width, picture.height) for _, _, picture in shown.generated] == [(128, 128)] * 3
    assert (shown.width, shown.height) == (256, 150)


def test_the_generated_ones_are_drawn_evenly_over_the_classes(drawn: Callable) -> None:
    run = drawn(classes={"crack": 5, "scratch": 5, "stain": 5})
    run.synthetic(120)
    shown = gallery(run.run, read_synthetic(run.run), 255)
    assert [label for label, _, _ in shown.generated] == ["crack"] * 12 + ["scratch"] * 12 + ["stain"] * 12
    assert shown.generated[0][1] == "crack/000001.png"


def test_an_image_that_cannot_be_read_is_named_and_the_rest_goes_on(drawn: Callable) -> None:
    run = drawn()
    run.synthetic(4)
    (run.run.synthetic / "scratch/000002.png").write_bytes(b"torn")
    shown = gallery(run.run, read_synthetic(run.run), 255)
    assert len(shown.generated) == 3
    assert shown.unreadable == ["scratch/000002.png"]


def test_a_torn_manifest_gives_its_whole_lines(drawn: Callable) -> None:
    run = drawn()
    run.synthetic(4)
    manifest = run.run.synthetic / "manifest.jsonl"
    manifest.write_text(manifest.read_text()[:-20])
    (run.run.synthetic / "set.json").unlink()
    found = read_synthetic(run.run)
    assert found is not None
    assert found.counts == {"scratch": 3}
    assert not found.complete


def test_no_set_at_all(drawn: Callable) -> None:
    run = drawn()
    assert read_synthetic(run.run) is None
    shown = gallery(run.run, None, 255)
    assert (shown.generated, shown.real, shown.unreadable) == ([], [], [])


def test_real_images_stand_in_the_order_of_their_classes(drawn: Callable) -> None:
    run = drawn(classes={"crack": 5, "scratch": 5})
    run.previews()
    names = sorted(path.name for path in (run.run.previews / "real").glob("*.png"))
    classes = {name: ("scratch", "crack")[place % 2] for place, name in enumerate(names)}
    run.run.real_classes_file.write_text(json.dumps(classes))
    shown = gallery(run.run, None, 255)
    assert [label for label, _, _ in shown.real] == ["crack"] * 18 + ["scratch"] * 18
    assert all(classes[file.split("/")[1]] == label for label, file, _ in shown.real)
    assert 'alt="Real image 1, crack"' in report(run.run).read_text(encoding="utf-8")
    run.run.real_classes_file.write_text("{ torn")
    assert [label for label, _, _ in gallery(run.run, None, 255).real] == [""] * 36
