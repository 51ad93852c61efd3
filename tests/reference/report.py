"""Opens pages of `pipeline report` in Chromium and does with them what a reader does.

    pip install playwright && apt-get install chromium
    python tests/reference/report.py REPORT.html… [--pictures FOLDER] [--chromium PROGRAM]

No message on the console, nothing loaded, no identity twice; figures have a size; tables sort by mouse and keyboard, as
numbers and as words, and filter; a key leads to its step and a value to its line; the page is no wider than a phone;
without scripts the first rows are there; on paper everything that is closed is open. Written with Playwright 1.65.2 and
Chromium 156. With --pictures it takes them in the light, in the dark, on a phone and of the paper, to be looked at.
"""

import argparse
import pathlib
import re
import time

from playwright.sync_api import sync_playwright

LIMIT = 10_000_000


def check(what, holds):
    print(("ok      " if holds else "FAILED  ") + what)
    check.failed |= not holds


check.failed = False


def order(texts):
    """Words as a person orders them: agents/2 before agents/10."""
    return [[int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)] for text in texts]


def tables(page):
    for sheet in page.locator(".sheet").all():
        name = sheet.get_attribute("id").removeprefix("sheet-")
        headings = sheet.locator("thead th").all()
        for at, heading in enumerate(headings):
            values = f"[...document.querySelectorAll('#sheet-{name} tbody tr')].map(row => row.children[{at}].textContent)"
            before = page.evaluate(values)
            heading.locator("button").focus()
            page.keyboard.press("Enter")
            check.ways = [heading.get_attribute("aria-sort")]
            up = [text for text in page.evaluate(values) if text != "-"]
            page.keyboard.press("Enter")
            check.ways.append(heading.get_attribute("aria-sort"))
            page.keyboard.press("Enter")
            is_words = heading.get_attribute("class") is None
            ordered = True
            if up and not is_words and all(re.fullmatch(r"-?[0-9.]+(e-?[0-9]+)?", text) for text in up):
                numbers = [float(text) for text in up]
                ordered = numbers == sorted(numbers)
            elif is_words and "key" not in heading.text_content():
                ordered = order(up) == sorted(order(up))
            fine = check.ways == ["ascending", "descending"] and page.evaluate(values) == before
            if not (ordered and fine):
                check(f"{name} sorts by {heading.text_content()} {check.ways} {up[:5]}", False)
    check("all tables sort up, down, and back", not check.failed)


def script(page, file):
    sheet = page.locator("#sheet-metrics")
    if sheet.count() and sheet.locator("input").count():
        sheet.locator("input").fill("loss value > 0.01")
        said = sheet.locator("[role=status]").text_content()
        check(f"a filter says what is left: {said}", re.fullmatch(r"\d+ of \d+ rows", said) is not None)
        texts = sheet.locator("tbody tr").all_text_contents()
        check("and leaves what fits", all("loss" in text for text in texts))
        sheet.locator("input").fill("")
    key = page.locator("tbody a[href^='#key-']").first
    if key.count():
        key.click()
        dialog = page.locator("dialog[open]")
        check("a key opens its step", dialog.count() == 1 and key.text_content() in dialog.text_content())
        source = dialog.locator("a[href^='#text']").first
        if source.count():
            source.click()
            page.wait_for_timeout(100)
            line = page.evaluate("document.querySelector(':target').textContent")
            check(f"a value leads to its line: {line.strip()[:40]}", page.locator("dialog[open]").count() == 0)
        page.go_back()
        page.wait_for_timeout(100)
        page.keyboard.press("Escape")
        page.wait_for_timeout(100)
        check("Escape closes it", page.locator("dialog[open]").count() == 0)
    page.locator("#find input").fill("finetune")
    check("steps are found by their names", page.locator("#find li").count() > 0 or "finetune" not in page.content())
    page.locator("#find input").fill("")


def look(browser, file, pictures):
    size = file.stat().st_size
    check(f"{file} has {size / 1e6:.1f} MB", size < LIMIT)
    said, loaded = [], []

    def fresh(width, scheme, **more):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, **more)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: loaded.append(request.url))
        started = time.monotonic()
        page.goto(file.absolute().as_uri(), timeout=120_000)
        return page, time.monotonic() - started

    def picture(page, name, **more):
        if pictures:
            page.screenshot(path=pictures / f"{file.stem}-{name}.png", **more)

    page, took = fresh(1280, "light")
    check(f"it opens in {took:.1f} s", took < 10)
    twice = "(() => { const all = [...document.querySelectorAll('[id]')].map(one => one.id); return all.length - new Set(all).size; })()"
    check("no identity is there twice", page.evaluate(twice) == 0)
    # What a picture uses must be drawn: a broken reference has no extent.
    empty = "[...document.querySelectorAll('figure use')].filter(one => one.getBBox().width === 0).length"
    check("figures are drawn with all their letters", page.evaluate(empty) == 0)
    sizes = [figure.bounding_box() for figure in page.locator("figure .paper > *").all()]
    check(f"{len(sizes)} figures have a size", all(size["width"] > 200 and size["height"] > 100 for size in sizes))
    picture(page, "light", full_page=True)
    tables(page)
    script(page, file)
    if pictures:
        page.pdf(path=pictures / f"{file.stem}.pdf", format="A4", margin=dict.fromkeys(("top", "bottom", "left", "right"), "12mm"))
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    check("on paper all is open", page.locator("details:not([open])").count() == 0)
    page.close()

    page, _ = fresh(1280, "dark")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    check(f"in the dark it is dark: {background}", sum(map(int, re.findall(r"\d+", background)[:3])) < 150)
    picture(page, "dark")
    page.close()

    page, _ = fresh(390, "light")
    check("it is no wider than a phone", page.evaluate("document.documentElement.scrollWidth") <= 390)
    picture(page, "phone", full_page=True)
    page.close()

    page, _ = fresh(1280, "light", java_script_enabled=False)
    rows = page.locator("tbody tr").count()
    check(f"without scripts there are {rows} rows", rows > 0)
    page.close()
    check(f"nothing is said on the console: {said}", not said)
    check("nothing is loaded", all(url.split("#")[0] == file.absolute().as_uri() or url.startswith("data:") for url in loaded))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("reports", nargs="+", type=pathlib.Path)
    parser.add_argument("--pictures", type=pathlib.Path)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        for report in arguments.reports:
            look(browser, report, arguments.pictures)
        browser.close()
    raise SystemExit(check.failed)


if __name__ == "__main__":
    main()
