// A patient's files against the whole service: brought by keys and by dropping,
// refused without losing what was typed, looked at, withdrawn, and all of that
// in a browser without JavaScript.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { inspect, launch, open, refused } from "./browser.mjs";
import { family, known, signIn } from "./people.mjs";

let browser, desk, patient;
before(async () => {
  browser = await launch();
  desk = await signIn("northside/sunil");
  patient = await known(desk, `Nanda ${family}`);
});
after(async () => { await browser?.close(); });

const report = (more = "") => Buffer.from("%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R " + more + " >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n"
  + "3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 400] >>\nendobj\ntrailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n");
const pdf = (name, more) => ({ name, mimeType: "application/pdf", buffer: report(more) });

const fill = async (page, title, file) => {
  await page.setInputFiles("#document-file", file);
  await page.selectOption("#document-kind", "xray");
  await page.fill("#document-title", title);
  await page.fill("#document-dated", "08/01/2025");
};

describe("files", { concurrency: false }, () => {
  for (const size of ["wide", "phone"]) {
    test(`brought, refused, looked at and withdrawn at ${size}`, async () => {
      const page = await open(browser, { session: desk, size }), wrong = [];
      const shot = { name: "film.png", mimeType: "image/png", buffer: await page.screenshot() };
      await page.goto(patient + "/documents");
      wrong.push(...await inspect(page, "files, none"));
      refused(page, 422);
      await fill(page, "Chest, front", pdf("scan.pdf", "/OpenAction << /S /JavaScript >>"));
      await page.keyboard.press("Control+Enter");
      await page.locator("#document-form .error-summary").waitFor();
      assert.match(await page.textContent("#document-form .error-summary"), /scripts/);
      assert.match(await page.title(), /^Error: /);
      assert.equal(await page.evaluate(() => document.activeElement.className), "error-summary");
      assert.equal(await page.inputValue("#document-title"), "Chest, front");
      assert.equal(await page.evaluate(() => document.querySelector("#document-file").files[0].name), "scan.pdf");
      wrong.push(...await inspect(page, "files, refused"));
      // A second file instead, dropped onto the field.
      await page.evaluate(async (bytes) => {
        const box = document.querySelector("#document-file"), carried = new DataTransfer();
        carried.items.add(new File([new Uint8Array(bytes)], "film.png", { type: "image/png" }));
        box.files = carried.files;
        box.dispatchEvent(new Event("change", { bubbles: true }));
      }, [...shot.buffer]);
      let lists = 0;
      page.on("request", (r) => { if (r.method() === "GET" && new URL(r.url()).pathname.endsWith("/documents")) lists++; });
      await page.click("#document-form [data-submit]");
      await page.waitForURL(/kept=1/);
      await page.locator(".notice-done").waitFor();
      assert.equal(lists, 1, "the list is read once, as the trail says it was");
      wrong.push(...await inspect(page, "files, kept"));
      await page.click(".timeline a");
      await page.waitForFunction(() => document.querySelector("img.document")?.naturalWidth > 0);
      wrong.push(...await inspect(page, "a picture"));
      await page.fill("[name=reason]", "Another person's");
      await page.click("#withdraw-reason >> xpath=ancestor::form >> button");
      await page.locator(".notice", { hasText: "Withdrawn" }).waitFor();
      wrong.push(...await inspect(page, "a withdrawn picture"));
      await page.goto(patient);
      await page.locator("#timeline", { hasText: "Chest, front" }).waitFor();
      wrong.push(...await inspect(page, "the patient's page with files"));
      assert.deepEqual(wrong, []);
      assert.deepEqual(page.faults, []);
      await page.context().close();
    });
  }

  test("too large is said before it is sent", async () => {
    const page = await open(browser, { session: desk });
    await page.goto(patient + "/documents");
    await fill(page, "Large", { name: "l.pdf", mimeType: "application/pdf", buffer: Buffer.alloc((10 << 20) + 1) });
    await page.click("#document-form [data-submit]");
    await page.locator("[data-upload-says]", { hasText: "10 MB" }).waitFor();
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("without JavaScript", async () => {
    const page = await open(browser, { session: desk, script: false });
    await page.goto(patient + "/documents");
    refused(page, 422);
    await fill(page, "On paper", pdf("x.png"));
    await page.click("#document-form [data-submit]");
    assert.match(await page.textContent(".error-summary"), /does not say what it is/);
    await page.setInputFiles("#document-file", pdf("x.pdf"));
    await page.click("#document-form [data-submit]");
    await page.waitForURL(/kept=1/);
    await page.locator(".timeline a", { hasText: "On paper" }).click();
    const link = await page.getAttribute("a[download], a[href*='download=1']", "href");
    const got = await page.request.get(new URL(link, page.url()).href);
    assert.equal(got.status(), 200);
    assert.deepEqual(await got.body(), report());
    assert.match(got.headers()["content-security-policy"], /sandbox/);
    assert.match(got.headers()["content-disposition"], /^attachment; filename=xray-2025-01-08\.pdf$/);
    await page.context().close();
  });
});
