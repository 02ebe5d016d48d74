"""A headless Chromium over its DevTools protocol, for the tests of spacetime.analysis.viewer.

websocket-client comes with JupyterLab, so no browser driver has to be installed for a few clicks and keys.
"""

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60.0  # seconds for anything to happen; most things take milliseconds


def program() -> str | None:
    return next((found for found in map(shutil.which, PROGRAMS) if found), None)


class Chromium:
    """One window with one page, cut off from the network; every console error and every request is kept."""

    def __init__(self, width: int = 1300, height: int = 900) -> None:
        import websocket

        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [
                str(program()),
                "--headless=new",
                "--no-sandbox",  # tests may run as root, in a container
                "--disable-gpu",
                "--remote-debugging-port=0",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-renderer-backgrounding",
                "--disable-backgrounding-occluded-windows",
                f"--user-data-dir={self._folder.name}",
                f"--window-size={width},{height}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port, address = self._address()
            self._socket = websocket.create_connection(
                f"ws://127.0.0.1:{port}{address}", timeout=PATIENCE, suppress_origin=True, max_size=None
            )
        except BaseException:
            self._stop()
            raise
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self.errors: list[str] = []
        self.requests: list[str] = []
        # The window's own page, not a new one: a page behind another paints no frames.
        pages = [found for found in self.call("Target.getTargets")["targetInfos"] if found["type"] == "page"]
        target = pages[0]["targetId"] if pages else self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.bringToFront")
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        self.resize(width, height)

    def _address(self) -> tuple[str, str]:
        note = Path(self._folder.name) / "DevToolsActivePort"  # Chromium writes where it listens
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            lines = note.read_text().split() if note.exists() else []
            if len(lines) == 2:
                return lines[0], lines[1]
            if self._process.poll() is not None:
                raise RuntimeError(f"{program()} ended with {self._process.returncode} before it listened")
            time.sleep(0.05)
        raise TimeoutError(f"{program()} did not listen within {PATIENCE} s")

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._stop()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            self._note(answer)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _note(self, answer: dict[str, Any]) -> None:
        event, about = answer.get("method"), answer.get("params", {})
        if event == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif event == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.errors.append(str([argument.get("value") for argument in about["args"]]))
        elif event == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.errors.append(about["entry"]["text"])

    def open(self, path: Path) -> None:
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"]["description"])
        return result["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression is true."""
        until = time.monotonic() + PATIENCE
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > until:
                raise TimeoutError(f"not true within {PATIENCE} s: {condition}")
            time.sleep(0.03)

    def settle(self) -> None:
        """Until two frames have been painted."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def resize(self, width: int, height: int, *, scale: float = 1, phone: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )

    def prefer(self, **features: str) -> None:
        """Media features of the reader, such as ``prefers_color_scheme="dark"``."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=named)

    def press(self, key: str, *, shift: bool = False) -> None:
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
        codes |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        code = codes.get(key, ord(key[0]))
        letter = {"text": "\r" if key == "Enter" else key} if key == "Enter" or len(key) == 1 else {}
        about = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", **about, **letter)
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def write(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def drag(self, *places: tuple[float, float]) -> None:
        """Press the mouse at the first place, move over the others, and let go at the last; one place is a click."""
        button = {"button": "left", "clickCount": 1}
        for kind, (x, y) in [
            ("mouseMoved", places[0]),
            ("mousePressed", places[0]),
            *(("mouseMoved", place) for place in places[1:]),
            ("mouseReleased", places[-1]),
        ]:
            held = {} if kind == "mouseMoved" and (x, y) == places[0] else button
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, buttons=int(bool(held)), **held)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))
