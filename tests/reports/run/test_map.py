from __future__ import annotations

from flawforge.reports.run.map import MOST_CLASSES, map_charts
from flawforge.runs.judged.maps import FeatureMap, MapPoint


def point(kind: str, label: str, x: float, distance: float | None = 1.0) -> MapPoint:
    return MapPoint(kind=kind, label=label, file="a.png", x=x, y=-x, nearest="b.png", distance=distance)  # type: ignore[arg-type]


def test_each_class_is_a_scatter_on_the_same_axes() -> None:
    points = [point("training", "pit", 0, 1), point("generated", "pit", 10, 3), point("training", "<b>", -10, 2)]
    found = FeatureMap(
        made="", versions={}, command="", inputs={}, extractor="pixels", shares=(0.5, 0.25), points=points, left_out={}
    )
    first, second = map_charts(found)
    assert [(curve.label, curve.x, curve.y) for curve in second.curves] == [
        ("training", (0.0,), (0.0,)),
        ("generated", (10.0,), (-10.0,)),
    ]
    assert all(curve.dots for curve in (*first.curves, *second.curves))
    assert first.x_range == second.x_range == (-11.0, 11.0)
    assert (first.x_label, first.y_label) == ("component 1 (50%)", "component 2 (25%)")
    assert second.alt.endswith("training image: training 1.00, generated 3.00.")
    many = found.model_copy(update={"points": [point("training", f"c{i:02}", i) for i in range(20)]})
    assert len(map_charts(many)) == MOST_CLASSES
