# SPDX-License-Identifier: Apache-2.0
"""Chromium without a window, driven through chromedriver, for tests of the flame graph's page."""

import os
import shutil
import sys
import tempfile

SKIPPED = 77  # what CTest is told to take for "skipped"
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"


def require():
    """Ends the test as skipped, with the reason, where there is nothing to drive."""
    missing = [path for path in (CHROMIUM, DRIVER) if not os.path.exists(path)]
    try:
        import selenium  # pylint: disable=import-outside-toplevel,unused-import
    except ImportError:
        missing.append("python3-selenium")
    if missing:
        print(f"skipped: {', '.join(missing)} not installed; scripts/install-deps installs it")
        sys.exit(SKIPPED)


class Browser:
    """One browser, whose files are in a folder of its own."""

    def __init__(self):
        from selenium import webdriver  # pylint: disable=import-outside-toplevel
        from selenium.webdriver.chrome.service import Service  # pylint: disable=import-outside-toplevel
        self.folder = tempfile.mkdtemp(prefix="heapprof-browser-")
        environment = dict(os.environ, HOME=self.folder, TMPDIR=self.folder, XDG_CONFIG_HOME=self.folder,
                           XDG_CACHE_HOME=self.folder)
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                         "--window-size=1200,900", f"--user-data-dir={self.folder}/profile", "--no-first-run",
                         "--disable-background-networking", "--force-device-scale-factor=1"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER, env=environment, log_path=os.devnull), options=options)

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, script, *arguments):
        """Runs JavaScript in the page, as its developer's console would, and returns what it returns."""
        return self.driver.execute_script(script, *arguments)

    def media(self, **features):
        """Sets media features: prefers_color_scheme="dark"."""
        pairs = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": pairs})

    def resize(self, width, height=900):
        """Lays the page out for a window of this size; 0 is the browser's own."""
        if width == 0:
            self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
            return
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def open(self, path):
        """Loads a page and waits until it has drawn its graph."""
        self.driver.get("file://" + path)
        self.wait("performance.getEntriesByName('drawn').length > 0")

    def wait(self, condition):
        """Waits until a JavaScript expression is true and the frame after that is painted."""
        self.driver.set_script_timeout(30)
        self.driver.execute_async_script(
            "const done = arguments[0];"
            f"const look = () => ({condition}) ? requestAnimationFrame(() => requestAnimationFrame(done))"
            " : requestAnimationFrame(look);"
            "look();")

    def settle(self):
        """Waits until what is under way is painted."""
        self.wait("true")

    def text(self, css):
        return self.run("return document.querySelector(arguments[0]).textContent", css)

    def texts(self, css):
        return self.run("return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", css)

    def mouse(self, x, y, click=True):
        """Moves the pointer to a point of the window, and presses and releases its button there."""
        kinds = ["mouseMoved"] + (["mousePressed", "mouseReleased"] if click else [])
        for kind in kinds:
            self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {
                "type": kind, "x": x, "y": y, "button": "none" if kind == "mouseMoved" else "left", "clickCount": 1})
        self.settle()

    def click(self, css):
        box = self.run("const e = document.querySelector(arguments[0]); e.scrollIntoView({block: 'nearest'});"
                       "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]", css)
        self.mouse(*box)

    def keys(self, *keys):
        """Types into whatever has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains  # pylint: disable=import-outside-toplevel
        ActionChains(self.driver).send_keys(*keys).perform()
        self.settle()

    def console(self):
        """What the page complained about."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def screenshot(self, path):
        self.driver.save_screenshot(path)
