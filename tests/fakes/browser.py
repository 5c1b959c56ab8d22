"""A real browser without a window: Chromium, wherever this machine has one."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Playwright, Request

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Give a browser; skips the test where there is none."""
    with sync_playwright() as playwright:
        path = _executable(playwright)
        if path is None:
            pytest.skip("no Chromium is installed (Debian: apt-get install chromium-headless-shell)")
        # Chromium's sandbox does not work for root, and the pages are our own.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def _executable(playwright: Playwright) -> str | None:
    own = playwright.chromium.executable_path
    return next(
        (path for name in _NAMES if (path := shutil.which(name))), own if Path(own).exists() else None
    )


def complaints_of(page: Page) -> list[str]:
    """Give a list to which everything is added that a page complains of from now on."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def on_failure(request: Request) -> None:
        # A stream is aborted when its page is left.
        if request.failure != "net::ERR_ABORTED":
            complaints.append(f"failed: {request.url}")

    page.on("requestfailed", on_failure)
    return complaints
