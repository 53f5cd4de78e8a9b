"""What axe-core finds on a page that keeps people from using it."""

from __future__ import annotations

from typing import Any

import pytest


def barriers(page: Any, colours_alone: bool = False) -> list[str]:
    """Return its violations on a page of Playwright, each with the first elements; or those of contrast alone."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    options = {"runOnly": ["color-contrast"]} if colours_alone else {}
    found = axe.run(page, options=options).response["violations"]
    return [f"{one['id']} ({one['impact']}): {[node['html'][:90] for node in one['nodes'][:3]]}" for one in found]
