"""The status page of a gateway that runs, in Chromium.

    check_page.py PORT CHROMIUM CHROMEDRIVER [FOLDER]

The gateway speaks plain HTTP and stands in front of a simulator. With a FOLDER pictures are written there. Prints a line
per check; the exit code is 0 when all passed.
"""

import faulthandler
import pathlib
import re
import sys
import time
import traceback
import urllib.error
import urllib.request

from driver import Driver

PORT, CHROMIUM, CHROMEDRIVER, *FOLDER = sys.argv[1:]
PAGE = f"http://localhost:{PORT}/gateway/"
LARGEST_PICTURE = 150_000

# A program may call itself anything.
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'&amp;"

READY = "return !document.getElementById('rest').hidden"
HEADLINE = "return document.getElementById('headline').textContent"
# From before the page's own script.
WATCH = """
window.bad = [];
addEventListener('securitypolicyviolation', event => bad.push(event.violatedDirective + ' ' + event.blockedURI));
addEventListener('error', event => bad.push(String(event.message)));
addEventListener('unhandledrejection', event => bad.push(String(event.reason)));
"""

faulthandler.dump_traceback_later(55, exit=True)


def ask(method, path, **headers):
    """Status and text of an answer."""
    data = b"" if method == "POST" else None
    request = urllib.request.Request(f"http://localhost:{PORT}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what} is {found!r}, not {wanted!r}")


def accounts():
    """The status of a client's request."""
    return ask("GET", "/v1/api/portfolio/accounts")[0]


class Check:
    def __init__(self, browser):
        self.browser = browser
        self.pictures = {}

    def open(self, **look):
        self.browser.look(**look)
        self.browser.go(PAGE)
        self.browser.until("the page shows something", READY)

    def loads(self):
        self.open(width=1200, height=900)
        self.browser.until("the headline is Connected", HEADLINE + ".startsWith('Connected')")

    def keeps_markup_as_text(self):
        expect("status", ask("GET", "/v1/api/iserver/auth/status", **{"User-Agent": MARKUP})[0], 200)
        shown = "return document.getElementById('clients').textContent.includes(arguments[0])"
        self.browser.until("the program is shown", shown.replace("arguments[0]", repr(MARKUP).replace("\\'", "\\'")))
        expect("pictures made of it", self.browser.js("return document.querySelectorAll('img').length"), 0)
        expect("scripts", self.browser.js("return document.scripts.length"), 1)

    def is_refused_without_the_token(self):
        for headers in ({}, {"X-CSRF": ""}, {"X-CSRF": "wrong"}):
            for action in ("pause", "logout", "reconnect", "resume"):
                expect(action, ask("POST", f"/gateway/{action}", **headers)[0], 403)
        expect("status", accounts(), 200)

    def asks_before_it_pauses(self):
        self.press("pause")
        expect("the question", self.browser.js("return document.getElementById('confirm').open"), True)
        expect("the focus", self.browser.js("return document.activeElement.id"), "no")
        self.browser.js("document.getElementById('no').click()")
        expect("the question", self.browser.js("return document.getElementById('confirm').open"), False)
        expect("status after Cancel", accounts(), 200)

    def pauses(self):
        self.press("pause")
        self.browser.js("document.getElementById('yes').click()")
        self.browser.until("the headline is Paused", HEADLINE + " === 'Paused'")
        expect("status", accounts(), 401)
        expect("a client wakes what a person has paused", ask("POST", "/v1/api/iserver/auth/ssodh/init")[0], 401)
        expect("tickle", ask("POST", "/v1/api/tickle")[0], 401)
        self.browser.until("the title says so", "return document.title.startsWith('Paused')")
        self.take("paused")

    def resumes(self):
        self.press("resume")
        self.browser.until("the headline is Connected", HEADLINE + ".startsWith('Connected')")
        expect("status", accounts(), 200)

    def has_two_themes(self):
        shades = []
        for name, dark in (("light", False), ("dark", True)):
            self.open(width=1200, height=900, dark=dark)
            colour = self.browser.js("return getComputedStyle(document.body).backgroundColor")
            shades.append(sum(map(int, re.findall(r"\d+", colour)[:3])) / 3)
            self.take(f"connected-{name}")
        expect("light is light and dark is dark", (shades[0] > 200, shades[1] < 60), (True, True))

    def fits(self):
        wide = "return document.documentElement.scrollWidth - innerWidth"
        for width in (320, 390, 700, 1200):
            for dark in (False, True):
                self.open(width=width, height=844, dark=dark)
                expect(f"sideways scrolling at {width}", max(0, self.browser.js(wide)), 0)
        self.open(width=390, height=844, scale=2)
        self.take("phone")

    def has_no_fault(self):
        expect("violations and errors", self.browser.js("return window.bad"), [])
        expect("the console", self.browser.complaints(), [])

    def draws(self):
        for name, picture in self.pictures.items():
            png = self.browser.smaller(picture)
            expect(f"{name}.png is small enough ({len(png)})", len(png) < LARGEST_PICTURE, True)
            (pathlib.Path(FOLDER[0]) / f"{name}.png").write_bytes(png)
        return ", ".join(self.pictures)

    def press(self, action):
        enabled = f"return !document.querySelector('[data-action={action}]').disabled"
        self.browser.until(f"{action} can be pressed", enabled)
        self.browser.js(f"document.querySelector('[data-action={action}]').click()")

    def take(self, name):
        if FOLDER:
            # A picture of a page at rest.
            self.browser.js("document.activeElement.blur(); scrollTo(0, 0)")
            self.browser.until("all is drawn", "return document.getAnimations().every(a => a.playState !== 'running')")
            self.pictures[name] = self.browser.picture()


def main():
    browser = Driver(CHROMIUM, CHROMEDRIVER)
    failures = 0
    try:
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        check = Check(browser)
        checks = [
            ("it loads and says Connected", check.loads),
            ("a POST without X-CSRF is refused", check.is_refused_without_the_token),
            ("texts with markup stay text", check.keeps_markup_as_text),
            ("Pause asks first, Cancel does nothing", check.asks_before_it_pauses),
            ("Pause: requests get 401, from all clients", check.pauses),
            ("Resume: connected again", check.resumes),
            ("two themes", check.has_two_themes),
            ("no sideways scrolling from 320 px on", check.fits),
            ("no violation of its policy, no script error", check.has_no_fault),
            *([("pictures", check.draws)] if FOLDER else []),
        ]
        for about, function in checks:
            started = time.perf_counter()
            try:
                word, text = "ok", function() or ""
            except Exception as error:
                failures += 1
                word, text = "FAILED", f"{type(error).__name__}: {error}"
                traceback.print_exc()
            print(f"  {word:<7} {about:<44} {time.perf_counter() - started:7.3f} s  {text}", flush=True)
    finally:
        browser.quit()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
