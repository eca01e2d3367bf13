// A prescription goes to its patient by a link: made at the desk, opened on a
// phone with and without script, locked by wrong answers and ended again.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { inspect, launch, open, refused, walk } from "./browser.mjs";
import { clinic, signIn } from "./people.mjs";

let browser, desk, doctor, south;
before(async () => {
  browser = await launch();
  desk = await signIn("northside/sunil");
  doctor = await signIn("northside/meera");
  south = await signIn("southside/pooja");
});
after(async () => { await browser?.close(); });

// prescribed goes to the sharing page of a patient who was prescribed something,
// as one finds it from the paper, and gives the digits of their phone.
const papers = {}; // of each clinic
async function prescribed(page, at = clinic) {
  papers[at] ??= await paperOf(page, at);
  await page.goto(papers[at]);
  await page.locator("a[href$='/share']").click();
  await page.waitForURL(/\/share$/);
  return (await page.inputValue("#share-phone")).replace(/\D/g, "");
}

// paperOf looks through the patients, page by page, for one with a prescription and
// a phone.
async function paperOf(page, at) {
  const read = async (path) => (await page.request.get(path)).text();
  for (let next = at + "/patients"; next;) {
    await page.goto(next);
    for (const patient of await page.$$eval(".table [data-open]", (all) => all.map((a) => a.pathname))) {
      const [, rx] = /href="([^"]*\/prescriptions\/[^"]+)\/print"/.exec(await read(patient)) || [];
      if (!rx) continue;
      const [, phone] = /value="([^"]*)"[^>]* id="share-phone"/.exec(await read(rx + "/share")) || [];
      if (phone?.replace(/\D/g, "").length >= 10) return rx + "/print";
    }
    next = await page.locator(".pager a").last().getAttribute("href");
  }
}

// make sends the form and gives the new link's path.
async function make(page, channel) {
  await page.check(`input[name=channel][value=${channel}]`);
  await page.click("#share-form [data-submit]");
  await page.locator("#share-link").waitFor();
  return new URL(await page.inputValue("#share-link")).pathname;
}

const answer = async (page, digits) => {
  await page.fill("#share-answer", digits);
  await page.click("main form button");
};
// wrongly is four digits that are neither the phone's nor a year of birth.
const wrongly = (digits) => (digits.endsWith("9999") ? "9998" : "9999");

for (const script of [true, false]) {
  test(`the desk makes a link and the patient opens it, ${script ? "with" : "without"} script`, async () => {
    const page = await open(browser, { session: desk, script });
    const digits = await prescribed(page);
    const path = await make(page, "whatsapp");
    const whatsapp = new URL(await page.getAttribute("#share-made a.btn-primary", "href"));
    assert.equal(whatsapp.origin + whatsapp.pathname, "https://wa.me/" + digits);
    const message = whatsapp.searchParams.get("text");
    assert.ok(message.endsWith(path) && message.includes("Northside"), message);

    const phone = await open(browser, { size: "phone", script });
    await phone.goto(path);
    assert.ok(!(await phone.textContent("body")).includes("Paracetamol") && !/prescri/i.test(await phone.title()), "the question tells nothing");
    await answer(phone, digits.slice(-4));
    await phone.locator(".shared-lines li").first().waitFor();
    assert.equal(new URL(phone.url()).pathname, path);
    assert.match(await phone.textContent("h1"), /Prescription/);
    const pdf = await phone.request.get(path + "/pdf");
    assert.equal(pdf.status(), 200);
    assert.equal(pdf.headers()["content-type"], "application/pdf");
    assert.equal((await pdf.body()).subarray(0, 5).toString(), "%PDF-");
    assert.deepEqual(phone.faults, []);

    // The desk sees that it was opened, and ends it; whoever has it open sees no more.
    await page.reload();
    const newest = page.locator(".share-list > li").first();
    assert.match(await newest.textContent(), /Opened 1 time/);
    await newest.locator("button").click();
    await page.locator(".share-list > li").first().getByText("Ended").waitFor();
    refused(phone, 410);
    const over = await phone.reload();
    assert.equal(over.status(), 410);
    assert.match(await phone.textContent("main"), /no longer works/);
    assert.deepEqual(page.faults, []);
  });
}

test("five wrong answers lock a link, and the desk is told", async () => {
  const page = await open(browser, { session: doctor });
  const digits = await prescribed(page);
  const path = await make(page, "copy");
  const phone = await open(browser, { size: "phone" });
  refused(phone, 422, 410);
  await phone.goto(path);
  for (const left of [4, 3, 2, 1]) {
    await answer(phone, wrongly(digits));
    await phone.locator(".error-summary", { hasText: `${left} ${left === 1 ? "try is" : "tries are"} left` }).waitFor();
  }
  assert.deepEqual(await inspect(phone, "a wrong answer"), []);
  await answer(phone, wrongly(digits));
  await phone.getByText("five wrong answers").waitFor();
  await phone.goto(path);
  await phone.getByText("can make you a new one").waitFor();
  await page.goto(page.url());
  assert.match(await page.locator(".share-list > li").first().textContent(), /Locked.*Five wrong answers/s);
});

test("one touch copies the link", async () => {
  const page = await open(browser, { session: desk });
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await prescribed(page);
  const path = await make(page, "copy");
  await page.click("[data-copy]");
  await page.getByText("Copied").first().waitFor();
  assert.ok((await page.evaluate(() => navigator.clipboard.readText())).endsWith(path));
});

describe("every page of it is sound", () => {
  for (const size of ["wide", "phone"]) {
    test(size, async () => {
      const page = await open(browser, { session: desk, size });
      const wrong = [];
      const digits = await prescribed(page);
      wrong.push(...await inspect(page, "no link yet"));
      const path = await make(page, "sms");
      wrong.push(...await inspect(page, "a new link"), ...await walk(page));
      await page.fill("#share-phone", "12");
      refused(page, 422);
      await page.click("#share-form [data-submit]");
      await page.locator(".error-summary").waitFor();
      wrong.push(...await inspect(page, "refused"));

      const theirs = await open(browser, { size });
      await theirs.goto(path);
      wrong.push(...await inspect(theirs, "the question"));
      await answer(theirs, digits.slice(-4));
      await theirs.locator(".shared-lines").waitFor();
      wrong.push(...await inspect(theirs, "the prescription"), ...await walk(theirs));
      assert.deepEqual(wrong, []);
    });
  }
  test("in Hindi", async () => {
    const page = await open(browser, { session: south, size: "phone" });
    const digits = await prescribed(page, "/clinic/southside");
    const path = await make(page, "whatsapp");
    const wrong = await inspect(page, "a new link");
    const theirs = await open(browser, { size: "phone" });
    await theirs.goto(path);
    assert.notEqual(await theirs.getAttribute("html", "lang"), "en");
    await answer(theirs, digits.slice(-4));
    await theirs.locator(".shared-lines").waitFor();
    wrong.push(...await inspect(theirs, "the prescription"));
    assert.deepEqual(wrong, []);
  });
});
