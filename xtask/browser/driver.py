"""Chromium by the W3C's WebDriver and its own DevTools, with nothing but the standard library."""

import base64
import json
import os
import re
import struct
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zlib

FLAGS = [
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-proxy-server",
    "--lang=en-GB",
]

# Gives a picture's palette of 256 colours at most, and the place of each pixel's. Colours that are close to each
# other become the one of them that is used most, so that what is flat stays exact.
PALETTE = """
const done = arguments[1];
createImageBitmap(new Blob([Uint8Array.from(atob(arguments[0]), c => c.charCodeAt(0))])).then(picture => {
  const { width, height } = picture;
  const canvas = new OffscreenCanvas(width, height).getContext('2d');
  canvas.drawImage(picture, 0, 0);
  const pixels = new Uint32Array(canvas.getImageData(0, 0, width, height).data.buffer);
  const uses = new Map();
  for (const pixel of pixels) uses.set(pixel, (uses.get(pixel) ?? 0) + 1);
  const colours = [...uses].sort((a, b) => b[1] - a[1]).map(([colour]) => colour);
  let step = 0, chosen;
  do {
    const mask = 0xff & (0xff << step++), masks = mask | mask << 8 | mask << 16;
    chosen = new Map();
    for (const colour of colours) if (!chosen.has(colour & masks)) chosen.set(colour & masks, colour);
    if (chosen.size <= 256) {
      const palette = [...chosen.keys()], places = new Map(palette.map((key, place) => [key, place]));
      const rows = [];
      for (let at = 0; at < pixels.length; at += width) {
        rows.push(String.fromCharCode(0, ...pixels.subarray(at, at + width).map(p => places.get(p & masks))));
      }
      done({ width, height, rows: btoa(rows.join('')), palette: palette.map(key => chosen.get(key) & 0xffffff) });
      return;
    }
  } while (step < 8);
});
"""


class Driver:
    """A browser, until `quit`."""

    def __init__(self, chromium, chromedriver):
        self.process = subprocess.Popen(
            [chromedriver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.session = None
        try:
            self.begin(chromium)
        except BaseException:
            self.end()
            raise

    def begin(self, chromium):
        ports = (re.search(r"successfully on port (\d+)", line) for line in self.process.stdout)
        started = next(filter(None, ports), None)
        if not started:
            raise RuntimeError("chromedriver does not start")
        self.root = f"http://127.0.0.1:{started[1]}/session"
        # Its sandbox does not work for root.
        flags = [*FLAGS, f"--user-data-dir={self.folder.name}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        options = {"binary": chromium, "args": flags}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = self.call("POST", "", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        url = self.root + (f"/{self.session}{path}" if self.session else path)
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode(errors="replace")[:600]) from None

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def go(self, url):
        self.call("POST", "/url", {"url": url})

    def js(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, what, script, within=15):
        """What the script returns, as soon as that is true."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            if found := self.js(script):
                return found
            time.sleep(0.05)
        raise RuntimeError(f"never: {what}")

    def look(self, width, height, dark=False, scale=1):
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=scale, mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.devtools("Emulation.setEmulatedMedia", features=[scheme, still])

    def complaints(self):
        """What the browser's console says that is bad."""
        lines = self.call("POST", "/se/log", {"type": "browser"})
        return [line["message"] for line in lines if line["level"] == "SEVERE" or "Content Security" in line["message"]]

    def picture(self):
        """What is seen now."""
        return self.devtools("Page.captureScreenshot", format="png")["data"]

    def smaller(self, picture):
        """The same as a PNG with a palette. Leaves the page."""
        self.go("about:blank")
        found = self.call("POST", "/execute/async", {"script": PALETTE, "args": [picture]})
        head = struct.pack(">IIBBBBB", found["width"], found["height"], 8, 3, 0, 0, 0)
        # Blue, green, red from the highest byte on.
        palette = b"".join(struct.pack("<I", colour)[:3] for colour in found["palette"])
        rows = zlib.compress(base64.b64decode(found["rows"]), 9)
        chunks = [(b"IHDR", head), (b"PLTE", palette), (b"IDAT", rows), (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
        )

    def quit(self):
        try:
            self.call("DELETE", "")
        finally:
            self.end()

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()
