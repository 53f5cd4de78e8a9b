"""The page in a real browser: offline, on a phone, on paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from barriers import barriers
from flawforge.reports.page import report

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def opened(browser: Any, drawn: Callable) -> Iterator[Callable[..., Any]]:
    contexts = []

    def open_page(width: int = 1280, whole: bool = True, **options: Any) -> tuple[Any, list[str]]:
        run = drawn().everything() if whole else drawn().run
        context = browser.new_context(viewport={"width": width, "height": 800}, offline=True, **options)
        contexts.append(context)
        page, troubles = context.new_page(), []
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else troubles.append(r.url))
        page.goto(report(run).resolve().as_uri())
        return page, troubles

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_it_opens_offline_without_a_fault_with_and_without_scripts(opened: Callable, scripts: bool) -> None:
    page, troubles = opened(java_script_enabled=scripts)
    pictures = page.locator("main img")
    assert pictures.count() > 100
    if scripts:
        assert page.evaluate("Array.from(document.images).every(i => i.closest('dialog') || i.naturalWidth > 0)")
    assert troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(opened: Callable, scheme: str) -> None:
    page, _ = opened(color_scheme=scheme)
    assert barriers(page, colours_alone=scheme == "dark") == []


@pytest.mark.parametrize("whole", [True, False])
def test_on_a_phone_the_body_never_scrolls_sideways(opened: Callable, whole: bool) -> None:
    page, troubles = opened(360, whole)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    assert troubles == []


def test_generated_and_real_stand_beside_each_other_at_one_scale(opened: Callable) -> None:
    page, _ = opened()
    made, real = (page.locator(f".sheet.{kind} img").first.bounding_box() for kind in ("generated", "real"))
    assert made["y"] == pytest.approx(real["y"])
    assert (made["width"], made["height"]) == pytest.approx((real["width"], real["height"]))
    before = made["width"]
    page.locator("input.large").check()
    assert page.locator(".sheet.generated img").first.bounding_box()["width"] > 1.8 * before


def test_an_image_opens_large_and_closes(opened: Callable) -> None:
    page, troubles = opened()
    page.locator(".near img").first.click()
    dialog = page.locator("dialog[open]")
    assert "Generated image" in dialog.inner_text()
    page.keyboard.press("ArrowRight")
    assert "gray levels away" in dialog.inner_text()
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert troubles == []


def test_text_can_be_read_on_light_and_dark_screens(opened: Callable) -> None:
    """WCAG contrast of 4.5 for body text, quiet text and the two colours that stand for generated and real."""
    page, _ = opened()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours = page.evaluate(
            "['paper','ink','quiet','generated','real','warn'].map(n => getComputedStyle(document.documentElement)"
            ".getPropertyValue('--' + n).trim())"
        )
        paper, *others = [luminance(colour) for colour in colours]
        assert all(contrast(paper, other) >= 4.5 for other in others), (scheme, colours)


def luminance(colour: str) -> float:
    text = colour.lstrip("#")
    digits = "".join(c * 2 for c in text) if len(text) == 3 else text
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: float, b: float) -> float:
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


def test_it_prints(opened: Callable) -> None:
    page, _ = opened()
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 14
