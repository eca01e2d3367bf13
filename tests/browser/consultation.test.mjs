// A doctor's screen against the whole service: from the queue to the finished
// record by keys alone, and a draft that survives two windows, a lost session,
// a service that does not answer, and a browser without JavaScript.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { inspect, launch, open, refused, walk } from "./browser.mjs";
import { arrive, clinic, family, fillSignIn, signIn, tabTo } from "./people.mjs";

let browser, desk, doctor, nurse;
before(async () => {
  browser = await launch();
  [desk, doctor, nurse] = await Promise.all(["sunil", "meera", "rekha"].map((who) => signIn("northside/" + who)));
});
after(async () => { await browser?.close(); });

// begin opens the doctor's screen of a visit.
const begin = async (visit, options = {}) => {
  const page = await open(browser, { session: doctor, ...options });
  await page.goto(visit + "/consultation");
  const start = page.locator("form[action$='/consultation/begin'] button");
  if (await start.count()) {
    await start.click();
    await page.waitForSelector("#cons-complaint");
    await page.waitForLoadState();
  }
  return page;
};

const draft = (page) => page.locator("[data-draft-state]", { hasText: "Draft saved" });
const faults = (...pages) => pages.flatMap((p) => p.faults);

// kept types into the complaint and waits until the server has it.
const keep = async (page, text) => {
  const answer = page.waitForResponse((r) => r.url().endsWith("/draft"));
  await page.fill("#cons-complaint", text);
  const got = await answer;
  return got.status();
};

describe("a consultation", { concurrency: false }, () => {
  test("by keys alone, from the queue to the record", async () => {
    const name = `Urmila ${family}`, visit = await arrive(desk, name, "Meera");
    const page = await open(browser, { session: doctor }), keys = page.keyboard;
    await page.goto(clinic + "/my-queue");
    await tabTo(page, "board-rows", 60);
    for (let i = 0; i < 60; i++) {
      await keys.press("j");
      if ((await page.evaluate(() => document.activeElement.innerText)).includes(name)) break;
    }
    await keys.press("Enter");
    await page.waitForURL(/\/consultation$/);
    assert.match(await page.textContent("h1"), new RegExp(name));
    await page.focus("#cons-bp");
    await keys.type("168/102");
    await page.locator(".vital.is-out .flag", { hasText: "High" }).waitFor();
    await tabTo(page, "cons-complaint", 12);
    await keys.type("Chest tightness since morning");
    await keys.press("Tab");
    await keys.type("S1 S2 normal");
    await tabTo(page, "cons-diagnosis", 40);
    await keys.type("hyperten");
    await page.locator("#cons-diagnosis-list [role=option]", { hasText: "I10" }).waitFor();
    await keys.press("Enter");
    await page.locator(".dx", { hasText: "Essential (primary) hypertension" }).waitFor();
    await keys.type("tired of city noise");
    await page.locator("#cons-diagnosis-list .none").waitFor();
    await keys.press("Enter");
    await page.locator(".dx", { hasText: "tired of city noise" }).waitFor();
    assert.equal(page.url().endsWith("/consultation"), true, "Enter in a field sends nothing");
    await keys.press("Control+s");
    await draft(page).waitFor();
    await keys.press("Control+Enter");
    await page.waitForURL(/my-queue/);
    await page.locator(".notice-done", { hasText: name }).waitFor();
    assert.match(await page.evaluate(() => document.activeElement.innerText), /Call next|Continue|Start/, "what comes next has the focus");
    await page.goto(visit + "/consultation");
    const read = await page.textContent("main");
    for (const text of ["I10", "tired of city noise", "168/102 mmHg", "High", "Chest tightness since morning"]) assert.ok(read.includes(text), text);
    assert.equal(await page.locator("#cons-complaint").count(), 0, "what is finished is read only");
    await page.fill("#add-body", "ECG normal");
    await page.focus("#add-body");
    await keys.press("Control+Enter");
    await page.locator(".notice", { hasText: "ECG normal" }).waitFor();
    assert.deepEqual(faults(page), []);
    await page.context().close();
  });

  test("saved two seconds after typing and when a field is left; a closed tab loses nothing", async () => {
    const visit = await arrive(desk, `Pushpa ${family}`, "Meera");
    const page = await begin(visit);
    await page.focus("#cons-complaint");
    const began = Date.now();
    const answer = page.waitForResponse((r) => r.url().endsWith("/draft"));
    await page.keyboard.type("Fever since two days");
    await answer;
    assert.ok(Date.now() - began < 6000);
    await draft(page).waitFor();
    const left = page.waitForResponse((r) => r.url().endsWith("/draft"));
    await page.focus("#cons-plan");
    await page.keyboard.type("Fluids");
    await page.focus("#cons-advice");
    await left;
    await page.check("[name=symptoms][value=fever]");
    await draft(page).waitFor();
    await page.waitForTimeout(2500);
    await page.close({ runBeforeUnload: false });
    const fresh = await begin(visit);
    assert.equal(await fresh.inputValue("#cons-complaint"), "Fever since two days");
    assert.equal(await fresh.inputValue("#cons-plan"), "Fluids");
    assert.equal(await fresh.isChecked("[name=symptoms][value=fever]"), true);
    assert.match(await fresh.textContent("[data-draft-state]"), /Draft saved \d\d:\d\d:\d\d/);
    assert.deepEqual(faults(fresh), []);
    await fresh.context().close();
  });

  test("what is typed before the scripts have come is kept as well", async () => {
    const visit = await arrive(desk, `Lalita ${family}`, "Meera");
    await (await begin(visit)).context().close();
    const page = await open(browser, { session: doctor });
    let come;
    const wait = new Promise((done) => { come = done; });
    await page.route("**/*.js", async (route) => { await wait; await route.continue(); });
    await page.goto(visit + "/consultation", { waitUntil: "commit" });
    await page.fill("#cons-complaint", "Giddiness");
    const saved = page.waitForResponse((r) => r.url().endsWith("/draft"));
    come();
    assert.equal((await saved).status(), 200);
    const fresh = await begin(visit);
    assert.equal(await fresh.inputValue("#cons-complaint"), "Giddiness");
    assert.deepEqual(faults(page, fresh), []);
    for (const p of [page, fresh]) await p.context().close();
  });

  test("the second of two windows is told and shown both", async () => {
    const visit = await arrive(desk, `Nirmala ${family}`, "Meera");
    const one = await begin(visit);
    assert.equal(await keep(one, "Cough"), 200);
    const two = await begin(visit);
    refused(two, 409);
    assert.equal(await two.inputValue("#cons-complaint"), "Cough");
    assert.equal(await keep(one, "Cough at night"), 200);
    assert.equal(await keep(two, "Cough and cold"), 409);
    await two.locator("[data-unsaved]", { hasText: "Nothing was overwritten" }).waitFor();
    await two.click("[data-compare]");
    await two.locator("h1", { hasText: "Nirmala" }).waitFor();
    const both = await two.textContent(".sides");
    assert.ok(both.includes("Cough at night") && both.includes("Cough and cold"), both);
    assert.equal(await two.inputValue("#cons-complaint"), "Cough and cold");
    assert.deepEqual(await inspect(two, "both texts"), []);
    assert.equal(await keep(two, "Cough and cold, at night"), 200, "having seen both, it saves");
    await two.goto(visit + "/consultation");
    assert.equal(await two.inputValue("#cons-complaint"), "Cough and cold, at night");
    assert.deepEqual(faults(one, two), []);
    for (const p of [one, two]) await p.context().close();
  });

  test("a service that does not answer and a lost session are said, guarded and mended", async () => {
    const visit = await arrive(desk, `Sarla ${family}`, "Meera");
    const page = await begin(visit);
    await page.route("**/consultation/draft", (route) => route.abort());
    await page.fill("#cons-findings", "Throat red");
    await page.focus("#cons-plan");
    const bar = page.locator("[data-unsaved]");
    await bar.filter({ hasText: /Not saved since \d\d:\d\d/ }).waitFor();
    let asked = 0;
    page.once("dialog", (d) => { asked++; return d.dismiss(); });
    await page.close({ runBeforeUnload: true });
    await page.waitForTimeout(500);
    assert.equal(asked, 1, "leaving is asked about");
    await page.unroute("**/consultation/draft");
    await page.click("[data-retry]");
    await draft(page).waitFor();
    assert.equal(await bar.isVisible(), false);
    // The session ends in another place; the text stays, and is saved after signing in again.
    refused(page, 401);
    const cookies = await page.context().cookies();
    await page.context().clearCookies();
    await page.fill("#cons-findings", "Throat red, no pus");
    await page.focus("#cons-plan");
    await bar.filter({ hasText: "your session has ended" }).waitFor();
    assert.equal(await page.isVisible("[data-sign-in]"), true);
    assert.equal(await page.inputValue("#cons-findings"), "Throat red, no pus");
    await page.context().addCookies(cookies);
    await page.click("[data-retry]");
    await draft(page).waitFor();
    await page.reload();
    assert.equal(await page.inputValue("#cons-findings"), "Throat red, no pus");
    assert.deepEqual(page.faults.filter((f) => !f.includes("net::ERR_FAILED")), []);
    await page.context().close();
  });

  test("without JavaScript", async () => {
    const visit = await arrive(desk, `Tara ${family}`, "Meera");
    const page = await open(browser, { script: false });
    refused(page, 422);
    await page.goto(clinic + "/my-queue");
    await fillSignIn(page, "meera");
    await page.goto(visit + "/consultation");
    await page.click("form[action$='/consultation/begin'] button");
    await page.fill("#cons-diagnosis", "i10");
    await page.fill("#cons-bp", "12080");
    await page.click("[data-save]");
    assert.match(await page.textContent(".dx"), /I10\s+Essential \(primary\) hypertension/);
    await page.fill("#cons-diagnosis", "Tired");
    await page.click("[data-save]");
    await page.click(".dx button >> nth=-1");
    assert.equal(await page.locator(".dx").count(), 1);
    assert.match(await page.textContent("[data-draft-state]"), /Draft saved/);
    await page.click("[data-submit]");
    assert.match(await page.title(), /^Error: /);
    assert.match(await page.textContent(".error-summary"), /120\/80[^]*complains of|complains of[^]*120\/80/);
    await page.fill("#cons-bp", "120/80");
    await page.fill("#cons-complaint", "Tired");
    await page.fill("#cons-follow_up", "7");
    await page.click("[data-submit]");
    await page.waitForURL(/my-queue/);
    await page.goto(visit + "/consultation");
    assert.match(await page.textContent("main"), /in 7 days/);
    assert.deepEqual(faults(page), []);
    await page.context().close();
  });

  for (const size of ["wide", "phone"]) {
    test(`the screens hold at ${size}`, async () => {
      const visit = await arrive(desk, `${size === "wide" ? "Vimal" : "Hansa"} ${family}`, "Meera");
      const wrong = [];
      const intake = await open(browser, { session: nurse, size });
      refused(intake, 422);
      await intake.goto(visit + "/vitals");
      await intake.fill("#cons-pulse", "5");
      await intake.fill("#cons-temp", "103.2");
      await intake.click("[data-submit]");
      await intake.locator("#cons-problems:focus").waitFor();
      wrong.push(...await inspect(intake, "vitals refused"));
      await intake.fill("#cons-pulse", "104");
      await intake.click("[data-submit]");
      await intake.locator(".notice-done").waitFor();
      wrong.push(...await inspect(intake, "vitals"));
      const page = await begin(visit, { size });
      refused(page, 422);
      assert.equal(await page.inputValue("#cons-temp"), "103.2");
      wrong.push(...await inspect(page, "consultation"));
      if (size === "wide") wrong.push(...await walk(page));
      await page.locator("#cons-diagnosis").pressSequentially("fever");
      await page.locator("#cons-diagnosis-list [role=option]").first().waitFor();
      wrong.push(...await inspect(page, "suggestions"));
      await page.keyboard.press("Enter");
      await page.click("[data-submit]");
      await page.waitForSelector(".error-summary");
      await page.evaluate(() => scrollTo(0, 0));
      wrong.push(...await inspect(page, "consultation refused"));
      await page.fill("#cons-complaint", "Fever");
      await page.click("[data-submit]");
      await page.waitForURL(/my-queue/);
      wrong.push(...await inspect(page, "my queue"));
      await page.goto(visit + "/consultation");
      wrong.push(...await inspect(page, "finished"));
      await intake.goto(visit + "/consultation");
      wrong.push(...await inspect(intake, "read by a nurse"));
      await intake.goto(visit + "/vitals");
      wrong.push(...await inspect(intake, "vitals after the end"));
      assert.deepEqual(wrong, []);
      for (const p of [page, intake]) await p.context().close();
    });
  }
});
