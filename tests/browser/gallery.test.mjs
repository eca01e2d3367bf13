// Every sample page of the gallery, in both themes and two widths, is free of
// accessibility failures, policy violations and sideways scrolling.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { check, launch, open, overflow } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const pages = async () => {
  const page = await open(browser);
  await page.goto("/dev/ui");
  const names = await page.$$eval("a[href^='/dev/ui/']", (links) => links.map((a) => a.getAttribute("href")));
  await page.context().close();
  return ["/dev/ui", ...names];
};

for (const scheme of ["light", "dark"]) {
  for (const size of ["wide", "phone"]) {
    test(`gallery ${scheme} ${size}`, async () => {
      const page = await open(browser, { size });
      const wrong = [];
      for (const path of await pages()) {
        await page.goto(`${path}?theme=${scheme}`, { waitUntil: "load" });
        for (const f of await check(page)) wrong.push(`${path} ${f}`);
        const over = await overflow(page);
        if (over > 0) wrong.push(`${path} scrolls ${over} px sideways`);
        for (const f of page.faults.splice(0)) wrong.push(`${path} ${f}`);
      }
      await page.context().close();
      assert.deepEqual(wrong, []);
    });
  }
}

test("longer words and narrow screens hold", async () => {
  const page = await open(browser, { size: "phone" });
  await page.setViewportSize({ width: 320, height: 700 });
  const wrong = [];
  for (const path of await pages()) {
    for (const lang of ["pseudo", "mr"]) {
      await page.goto(`${path}?lang=${lang}`);
      const over = await overflow(page);
      if (over > 0) wrong.push(`${path} in ${lang} scrolls ${over} px sideways`);
    }
  }
  await page.context().close();
  assert.deepEqual(wrong, []);
});

describe("keyboard", () => {
  test("shortcuts, help and the switch", async () => {
    const page = await open(browser);
    await page.goto("/dev/ui/queue");
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.id), "patient-search");
    await page.keyboard.press("Escape");
    await page.keyboard.press("n");
    assert.equal(await page.evaluate(() => document.activeElement.id), "reg-phone");
    await page.keyboard.type("n");
    assert.equal(await page.inputValue("#reg-phone"), "n", "letters stay letters inside an input");
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("?");
    assert.equal(await page.evaluate(() => document.querySelector("#keys-help").open), true);
    await page.keyboard.press("Escape");
    await page.goto("/dev/ui/queue?keys=off");
    await page.keyboard.press("n");
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "BODY");
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
    assert.equal(await page.evaluate(() => document.activeElement.className), "error-summary");
    await page.click(".error-summary a");
    assert.equal(await page.evaluate(() => document.activeElement.id), "reg-phone");
    await page.context().close();
  });
});
