import re
import xml.etree.ElementTree as ET

import matplotlib

from flawforge.reports.charts.curves import Chart, Curve
from flawforge.reports.charts.drawing import COLOURS, draw

LINE = Curve("D(real)", "real", (0.0, 1.0), (0.2, 0.8), raw=((0.0, 1.0), (0.1, 0.7), (0.3, 0.9)))
CHART = Chart("outputs", 'A "<line>" & more', "kimg", "output", (LINE,), marks=((0.5, "1"),), level=(0.5, "even"))


def test_a_chart_is_well_formed_says_what_it_shows_and_needs_nothing_from_outside() -> None:
    svg = draw(CHART)
    root = ET.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == 'A "<line>" & more'
    assert "http" not in svg
    assert "D(real)" in "".join(root.itertext())


def test_a_chart_takes_its_colours_from_the_page() -> None:
    svg = draw(CHART)
    assert "var(--real)" in svg
    assert not any(stand_in in svg for stand_in in COLOURS.values())
    assert set(re.findall(r"#[0-9a-fA-F]{6}\b", svg)) <= {"#000000"}


def test_two_charts_share_no_id_and_every_reference_resolves() -> None:
    first, second = draw(CHART), draw(Chart("losses", "", "kimg", "loss", (LINE,)))
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (first, second)]
    assert not ids[0] & ids[1]
    for svg, known in zip((first, second), ids, strict=True):
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) <= known


def test_the_same_chart_gives_the_same_bytes_whatever_the_users_matplotlibrc() -> None:
    first = draw(CHART)
    with matplotlib.rc_context(
        {"lines.linewidth": 9, "axes.facecolor": "red", "svg.hashsalt": "other", "font.size": 30}
    ):
        assert draw(CHART) == first
        assert matplotlib.rcParams["lines.linewidth"] == 9
