// What is printed: the token slip on its two papers and the list of check-ins.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, open } from "./browser.mjs";
import { clinic, family, register, signIn } from "./people.mjs";

let browser, session, folder;
before(async () => {
  browser = await launch();
  session = await signIn("northside/sunil");
  folder = mkdtempSync(join(tmpdir(), "cloister-print-"));
});
after(async () => {
  await browser?.close();
  if (folder) rmSync(folder, { recursive: true });
});

// print makes the PDF that a printer would get and reads its pages' sizes in
// millimetres, its text and its fonts.
async function print(page, name) {
  const path = join(folder, name + ".pdf");
  await page.evaluate(() => document.fonts.ready);
  await page.pdf({ path, preferCSSPageSize: true, printBackground: false });
  const run = (program, ...args) => execFileSync(program, args, { encoding: "utf8" });
  const info = run("pdfinfo", "-box", "-l", "-1", path);
  const box = [...info.matchAll(/MediaBox:\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)/g)].map((m) => [m[3] - m[1], m[4] - m[2]].map((pt) => Math.round(pt / 72 * 25.4)));
  return { boxes: box, text: run("pdftotext", "-layout", path, "-"), fonts: run("pdffonts", path) };
}

// inside fails for ink outside of the paper: everything drawn must stand within
// the slip, and the slip within its page.
const cut = (page, height) => page.evaluate((height) => {
  const slip = document.querySelector(".slip").getBoundingClientRect();
  const mm = (px) => px / 96 * 25.4;
  const out = [...document.querySelectorAll(".slip *")].filter((el) => {
    const r = el.getBoundingClientRect();
    return r.width && (r.left < slip.left - 1 || r.right > slip.right + 1 || el.scrollWidth > el.clientWidth + 1);
  });
  return { high: mm(slip.height) <= height || mm(slip.height), wide: Math.round(mm(slip.width)), out: out.map((el) => el.textContent) };
}, height);

for (const [at, who, ahead] of [["northside", "northside/sunil", /\d ahead|next/], ["southside", "southside/pooja", /\d/]]) test(`the slip of ${at} fits its paper`, async () => {
  const page = await open(browser, { session: await signIn(who) });
  await page.goto(`/clinic/${at}/queue`);
  const name = `Bhagyashri ${family}`;
  await register(page, name);
  const link = page.locator("#register .notice-done a");
  await link.waitFor();
  await page.goto(await link.getAttribute("href"));
  for (const [wide, high] of [[80, 90], [58, 80]]) {
    await page.emulateMedia({ media: "print" });
    assert.deepEqual(await cut(page, high), { high: true, wide, out: [] });
    const p = await print(page, `slip-${wide}`);
    assert.deepEqual(p.boxes, [[wide, high]], "one page of the paper's size");
    assert.match(p.text, /Bhagyashri T\./);
    assert.match(p.text, /[A-Z]-\d{3}/);
    assert.match(p.text, ahead);
    assert.ok(!p.text.includes(family) && !/\d{5} ?\d{5}/.test(p.text), "neither family name nor phone");
    assert.doesNotMatch(p.text, /58 mm|80 mm/, "no button");
    for (const line of p.fonts.trim().split("\n").slice(2)) assert.match(line, / yes +(yes|no) +(yes|no) +\d+ +\d+$/, "embedded: " + line);
    await page.emulateMedia({ media: null });
    if (wide === 80) {
      await page.click(".actions a:has-text('58 mm')");
      await page.waitForURL(/w=58/);
    }
  }
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("the slip prints from the desk's own page, alone", async () => {
  const page = await open(browser, { session });
  await page.goto(clinic + "/queue");
  await page.evaluate(() => { window.print = () => { window.printing = document.documentElement.dataset.print; }; });
  await register(page, `Chhaya ${family}`);
  await page.locator("#register .notice-done a").waitFor();
  await page.waitForTimeout(50);
  assert.equal(await page.evaluate(() => window.printing), "slip");
  await page.evaluate(() => { document.documentElement.dataset.print = "slip"; });
  const p = await print(page, "desk");
  assert.deepEqual(p.boxes, [[80, 90]]);
  assert.match(p.text, /Chhaya T\./);
  assert.doesNotMatch(p.text, /Waiting|Register/);
  await page.context().close();
});

test("the list of check-ins prints on A4 with its head on every page", async () => {
  const page = await open(browser, { session });
  const day = (before) => new Date(Date.now() - before * 86400e3).toLocaleDateString("en-GB");
  await page.goto(`${clinic}/visits?from=${day(20)}&to=${day(0)}`);
  const p = await print(page, "visits");
  assert.ok(p.boxes.length >= 2);
  for (const b of p.boxes) assert.deepEqual(b, [210, 297]);
  const pages = p.text.split("\f").filter((t) => t.trim());
  for (const text of pages) assert.match(text, /Token +Day +Patient .*Doctor .*Visit .*Status .*Times/, "the table's head, and no column less");
  assert.match(pages[0], /Northside Family Clinic/);
  assert.doesNotMatch(p.text, /…/, "nothing is shortened on paper");
  assert.doesNotMatch(p.text, /Export CSV|Open\b/);
  await page.context().close();
});
