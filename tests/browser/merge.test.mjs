// Two records of one person against the whole service: compared, merged, seen
// together, and parted again, with and without JavaScript.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { inspect, launch, open } from "./browser.mjs";
import { arrive, clinic, family, known, signIn } from "./people.mjs";

let browser, desk;
before(async () => {
  browser = await launch();
  desk = await signIn("northside/kavita");
});
after(async () => { await browser?.close(); });

// two registers two people, one with a visit, and gives the addresses of their records.
async function two(name) {
  await known(desk, "Usha " + name);
  await arrive(desk, "Lata " + name, "Meera");
  const page = await open(browser, { session: desk });
  await page.goto(clinic + "/patients?q=" + name);
  const all = await page.$$eval(".table [data-open]", (links) => links.map((a) => [a.textContent, a.pathname]));
  await page.context().close();
  const of = (first) => all.find(([text]) => text.startsWith(first + " "))[1];
  return [of("Usha"), of("Lata")];
}

describe("merging", { concurrency: false }, () => {
  for (const script of [true, false]) {
    test(`merged and parted ${script ? "with" : "without"} JavaScript`, async () => {
      const [stays, ends] = await two(`Kadam${script ? "a" : "b"}${family}`);
      const page = await open(browser, { session: desk, script }), wrong = [];
      await page.goto(`${stays}/merge?other_id=${ends.split("/").pop()}`);
      await page.locator(".dialog-static").waitFor();
      if (script) wrong.push(...await inspect(page, "compared"));
      await page.click("button[name=other_id]");
      await page.waitForURL((url) => url.pathname === stays);
      // The visit of the one that ended stands on the one that stays.
      assert.equal(await page.locator("#timeline .timeline > li").count(), 1);
      await page.goto(ends);
      await page.locator(`main a[href="${stays}"]`).waitFor();
      await page.goto(stays + "/merge");
      if (script) wrong.push(...await inspect(page, "what was merged"));
      await page.locator("form[action$='/unmerge'] button").click();
      await page.waitForURL((url) => url.pathname === ends);
      assert.equal(await page.locator("#timeline .timeline > li").count(), 1);
      await page.goto(stays);
      assert.equal(await page.locator("#timeline .timeline > li").count(), 0);
      await page.goto(stays + "/merge");
      assert.equal(await page.locator("form[action$='/unmerge']").count(), 0);
      assert.deepEqual(wrong, []);
      assert.deepEqual(page.faults, []);
      await page.context().close();
    });
  }
});
