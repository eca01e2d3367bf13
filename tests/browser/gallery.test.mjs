// Every sample page of the gallery is free of policy violations and sideways
// scrolling, in three widths and with longer words. Those that the service itself
// shows only after something went wrong are free of accessibility failures too, in
// both themes; the others are looked at where they are used (screens.test.mjs).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { active, inspect, launch, open, overflow, sizes } from "./browser.mjs";

let browser, pages;
before(async () => {
  browser = await launch();
  const page = await open(browser);
  await page.goto("/dev/ui");
  pages = ["/dev/ui", ...await page.$$eval("a[href^='/dev/ui/']", (links) => links.map((a) => a.getAttribute("href")))];
  await page.context().close();
});
after(async () => { await browser?.close(); });

// What a clinic's day seldom or never shows.
const seldom = ["/dev/ui", ...["clinics-none", "display-empty", "documents-none", "invitation", "isolation", "link-gone", "prescription-not-valid", "problem-401", "problem-500", "queue-empty", "queue-issued",
  "settings-branding", "share-none", "share-over", "shut", "slip-58", "patients-none", "verified", "versions", "versions-none"].map((name) => "/dev/ui/" + name)];

describe("gallery", { concurrency: 3 }, () => {
  // Two look at half of the pages each. How a phone itself behaves is looked at
  // on the service's own screens.
  for (const half of [0, 1]) {
    test(`rules hold, half ${half + 1}`, async () => {
      const page = await open(browser);
      const wrong = [];
      for (const path of pages.filter((_, i) => i % 2 === half)) {
        await page.setViewportSize(sizes.wide);
        await page.goto(path + "?theme=light");
        if (seldom.includes(path)) wrong.push(...await inspect(page, path));
        for (const size of ["wide", "phone"]) {
          await page.setViewportSize(sizes[size]);
          const over = await overflow(page);
          if (over) wrong.push(`${path} at ${size} ${over}`);
        }
        wrong.push(...page.faults.splice(0).map((f) => `${path} ${f}`));
      }
      await page.context().close();
      assert.deepEqual(wrong, []);
    });
  }

  test("has the pages that are named here", () => assert.deepEqual(seldom.filter((path) => !pages.includes(path)), []));

  test("longer words and narrow screens hold", async () => {
    const page = await open(browser, { size: "phone" });
    await page.setViewportSize({ width: 320, height: 700 });
    const wrong = [];
    for (const path of pages) {
      for (const lang of ["pseudo", "mr"]) {
        await page.goto(`${path}?lang=${lang}`, { waitUntil: "domcontentloaded" });
        const over = await overflow(page);
        if (over) wrong.push(`${path} in ${lang} ${over}`);
      }
    }
    await page.context().close();
    assert.deepEqual(wrong, []);
  });

  test("shortcuts, help and the switch", async () => {
    const page = await open(browser);
    await page.goto("/dev/ui/queue");
    await page.keyboard.press("/");
    assert.equal(await active(page), "patient-search");
    await page.keyboard.press("Escape");
    await page.keyboard.press("n");
    assert.equal(await active(page), "reg-phone");
    await page.keyboard.type("9n");
    assert.equal(await page.inputValue("#reg-phone"), "+91 9n", "typing goes on where the number begins, and letters stay letters");
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("?");
    assert.equal(await page.evaluate(() => document.querySelector("#keys-help").open), true);
    await page.keyboard.press("Escape");
    await page.goto("/dev/ui/queue?keys=off");
    await page.keyboard.press("n");
    assert.equal(await active(page), "BODY");
    await page.context().close();
  });

  test("rows of the queue", async () => {
    const page = await open(browser);
    await page.goto("/dev/ui/queue");
    await page.focus("[data-rows]");
    await page.keyboard.press("j");
    await page.keyboard.press("ArrowDown");
    assert.match(await page.evaluate(() => document.activeElement.innerText), /A-015/);
    await page.keyboard.press("k");
    assert.match(await page.evaluate(() => document.activeElement.innerText), /A-014/);
    await page.context().close();
  });

  test("a refused form has its summary focused and its links lead to fields", async () => {
    const page = await open(browser);
    await page.goto("/dev/ui/queue-problem");
    assert.equal(await active(page), "reg-problems");
    assert.match(await page.title(), /^Error: /);
    await page.click(".error-summary a");
    assert.equal(await active(page), "reg-phone");
    await page.context().close();
  });
});
