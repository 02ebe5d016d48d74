"""Playwright with the Chromium that is installed, for tests of pages: one window with one page."""

import os
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60.0  # seconds for anything to happen; most things take milliseconds
OPTIONS = (
    "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --disable-renderer-backgrounding --disable-backgrounding-occluded-windows"
).split()


def program() -> str | None:
    return next((found for found in map(shutil.which, PROGRAMS) if found), None)


def may_be_missing() -> bool:
    """Whether tests that need a browser are skipped: at home without one, never under CI, where they fail."""
    return program() is None and os.environ.get("CI") != "true"


needs_browser = pytest.mark.skipif(may_be_missing(), reason=f"no browser: none of {', '.join(PROGRAMS)}")


class Chromium:
    """A page, cut off from the network unless `online`; every console error and every request is kept."""

    def __init__(self, width: int = 1300, height: int = 900, online: bool = False) -> None:
        from playwright.sync_api import sync_playwright

        if program() is None:
            raise RuntimeError(f"the tests of pages need a browser, and CI=true: install one of {', '.join(PROGRAMS)}")
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._playwright = sync_playwright().start()
        try:
            # Tests may run as root, in a container: no sandbox there. The profile is playwright's own, and temporary.
            browser = self._playwright.chromium.launch(
                executable_path=program(), args=OPTIONS, chromium_sandbox=False, timeout=1000 * PATIENCE
            )
            context = browser.new_context(no_viewport=True)
            context.set_default_timeout(1000 * PATIENCE)
            self.page = context.new_page()
            self._session = context.new_cdp_session(self.page)
        except BaseException:
            self._playwright.stop()
            raise
        if not online:  # playwright's own switch lets `navigator.onLine` say true
            self.call("Network.enable")
            nothing = {"latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
            self.call("Network.emulateNetworkConditions", offline=True, **nothing)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type in _BAD else None)
        self.resize(width, height)

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._playwright.stop()  # and the browser with it

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol."""
        answer: dict[str, Any] = self._session.send(method, parameters)
        return answer

    def open(self, path: Path) -> None:
        self.page.goto(path.resolve().as_uri())

    def run(self, script: str) -> Any:
        """The value of an expression in the page (`page.evaluate` would need `eval`, which our pages forbid)."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"]["description"])
        return result["result"].get("value")

    def wait(self, condition: str, patience: float = PATIENCE) -> None:
        """Until an expression is true."""
        until = time.monotonic() + patience
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > until:
                raise TimeoutError(f"not true within {patience} s: {condition}")
            self.page.wait_for_timeout(30)

    def settle(self) -> None:
        """Until two frames have been painted."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def resize(self, width: int, height: int, *, scale: float = 1, phone: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )

    def drag(self, *places: tuple[float, float]) -> None:
        """Press the mouse at the first place, move over the others, and let go at the last; one place is a click."""
        mouse = self.page.mouse
        mouse.move(*places[0])
        mouse.down()
        for place in places[1:]:
            mouse.move(*place)
        mouse.up()


_BAD = ("error", "warning", "assert")
