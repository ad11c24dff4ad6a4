"""What every page is held to, in a real browser."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe


def assert_sound(page: Any, step: object = "") -> None:
    """Fail on a fault of accessibility, and on anything that spills over the side of the screen.

    The page that a click has just opened is waited for: while it is being read, it has no document to look at.
    """
    page.wait_for_load_state()
    found = Axe().run(page)
    assert found.violations_count == 0, (page.url, step, found.generate_report())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (page.url, step)
