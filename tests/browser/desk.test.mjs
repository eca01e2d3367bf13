// Reception's main flow against the whole service: register, check in, call,
// the waiting room's screen, the slip. With a mouse, with the keyboard alone,
// and without JavaScript.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { active, launch, open, refused } from "./browser.mjs";
import { arrive, clinic, family, fillSignIn, phone, register, screenLink, signIn, tabTo } from "./people.mjs";

let browser, desk, doctor, screen;
before(async () => {
  browser = await launch();
  [desk, doctor] = await Promise.all([signIn("northside/sunil"), signIn("northside/meera")]);
  screen = await screenLink(desk);
  // Two who were here before and have no token today.
  const page = await open(browser, { session: desk });
  for (const name of [`Seema ${family}`, `Leela ${family}`]) {
    await page.goto(clinic + "/queue");
    await register(page, name, { token: false });
    await page.locator("#register .notice-done", { hasText: name }).waitFor();
  }
  await page.context().close();
});
after(async () => { await browser?.close(); });

// printing counts calls of the printer, which a test has none of.
const printing = (page) => page.addInitScript(() => {
  window.printed = 0;
  window.print = () => { window.printed++; };
});

const issued = async (page, name) => {
  const done = page.locator("#register .notice-done", { hasText: name });
  await done.waitFor();
  return (await done.textContent()).match(/[A-Z]-\d{3}/)[0];
};

// watch notes on the screen when each token was first shown as called.
const watch = (page) => page.evaluate(() => {
  window.calls = {};
  const note = () => document.querySelectorAll("[data-called]").forEach((c) => { window.calls[c.dataset.called] ??= Date.now(); });
  note();
  new MutationObserver(note).observe(document.body, { childList: true, subtree: true });
});

// seen waits until a token was shown and says when. It asks again and again,
// since the page's policy keeps Playwright from waiting inside of it.
const seen = async (tv, token) => {
  for (let i = 0; i < 200; i++) {
    const at = await tv.evaluate((t) => window.calls[t], token);
    if (at) return at;
    await tv.waitForTimeout(50);
  }
  throw new Error(`${token} was never called on the screen: ${await tv.textContent("body")}`);
};

const clean = (...pages) => pages.flatMap((p) => p.faults);

describe("the desk", { concurrency: false }, () => {
  test("register, check in, call, and the screen shows it within a second", async () => {
    const [front, room, tv] = [await open(browser, { session: desk }), await open(browser, { session: doctor }), await open(browser)];
    await printing(front);
    await front.goto(clinic + "/queue");
    await tv.goto(screen);
    await watch(tv);
    await room.goto(clinic + "/my-queue");
    await room.waitForTimeout(300); // its stream opens

    const waits = [];
    for (const name of [`Sushila ${family}`, `Nalini ${family}`, `Kusum ${family}`]) {
      await register(front, name, { doctor: "Meera" });
      const token = await issued(front, name);
      assert.equal(await front.evaluate(() => window.printed), waits.length + 1, "the slip prints at once");
      assert.equal(await active(front), "reg-phone", "the form is ready for the next");
      const row = room.locator("tr[data-row]", { hasText: name });
      await row.waitFor(); // the doctor's queue follows by itself
      const began = await row.locator("[data-call]").evaluate((button) => { const now = Date.now(); button.click(); return now; });
      waits.push(await seen(tv, token) - began);
      await front.locator("tr[data-row]", { hasText: name }).locator(".badge", { hasText: "Called" }).waitFor();
      const shown = await tv.textContent("body");
      assert.ok(!shown.includes(family), "no name on the screen");
    }
    console.log(`from the call to the screen: ${waits.join(", ")} ms`);
    waits.sort((a, b) => a - b);
    assert.ok(waits[1] < 1000, `the screen followed after ${waits} ms`);
    assert.deepEqual(clean(front, room, tv), []);
    for (const p of [front, room, tv]) await p.context().close();
  });

  test("nothing moves under a hand", async () => {
    const [front, other] = [await open(browser, { session: desk }), await open(browser, { session: desk })];
    await front.goto(clinic + "/queue");
    await other.goto(clinic + "/queue");
    await front.hover("#board tbody tr");
    const place = () => front.locator("#board tbody tr").first().evaluate((row) => row.getBoundingClientRect().top);
    const stood = await place();
    const name = `Rukmini ${family}`;
    await register(other, name);
    await issued(other, name);
    await front.locator("[data-updates] button").waitFor();
    assert.equal(await place(), stood, "what says so moves nothing either");
    assert.equal(await front.locator("tr[data-row]", { hasText: name }).count(), 0);
    await front.evaluate(() => { window.first = document.querySelector("#board tbody tr"); });
    await front.click("[data-updates] button");
    await front.locator("tr[data-row]", { hasText: name }).waitFor();
    assert.equal(await front.evaluate(() => window.first.isConnected), true, "a row that did not change stays the same");
    assert.equal(await front.locator("[data-updates]").isVisible(), false);
    assert.deepEqual(clean(front, other), []);
    for (const p of [front, other]) await p.context().close();
  });

  test("a press that waits for the service keeps what it was pressed on", async () => {
    const page = await open(browser, { session: desk });
    await page.goto(clinic + "/queue");
    await page.route("**/call?*", (route) => route.abort());
    await page.route("**/call", (route) => route.abort());
    const row = page.locator("tr[data-row]:has([data-call])").first(), id = await row.getAttribute("id");
    await row.locator("[data-call]").click();
    await page.locator("#unsent:visible").waitFor();
    const pressed = () => page.$eval(`#${id} form:has([data-call])`, (form) => new URLSearchParams(new FormData(form)).toString());
    const then = await pressed();
    await page.evaluate(() => document.activeElement.blur());
    await page.mouse.move(1, 1);
    await page.waitForTimeout(600); // as long as a finger counts as there
    const name = `Sindhu ${family}`;
    await arrive(desk, name, "Sameer");
    await page.locator("tr[data-row]", { hasText: name }).waitFor(); // the board was refreshed
    assert.equal(await pressed(), then);
    await page.unrouteAll();
    await page.click("[data-unsent-send]");
    await page.locator(`#${id} .badge`, { hasText: "Called" }).waitFor();
    page.faults = page.faults.filter((f) => !/ERR_FAILED|Failed to fetch|htmx:error/.test(f));
    assert.deepEqual(clean(page), []);
    await page.context().close();
  });

  test("a page whose scripts come one long after the other is live all the same", async () => {
    const page = await open(browser, { session: desk });
    let late = 0;
    await page.route("**/*.js", async (route) => {
      const wait = 400 * late++;
      await new Promise((done) => { setTimeout(done, wait); });
      await route.continue();
    });
    const live = page.waitForRequest(/\/queue\/events/);
    await page.goto(clinic + "/queue");
    await live;
    assert.deepEqual(clean(page), []);
    await page.context().close();
  });

  test("a refused form keeps what was typed and leads to the field", async () => {
    const page = await open(browser, { session: desk });
    refused(page, 422);
    await page.goto(clinic + "/queue");
    await page.fill("#reg-phone", "98220 114");
    await page.fill("#reg-name", "Ramesh Patil");
    await page.click("[data-submit]");
    await page.locator("#reg-problems:focus").waitFor();
    assert.match(await page.title(), /^Error: /);
    assert.equal(await page.inputValue("#reg-name"), "Ramesh Patil");
    await page.click(".error-summary a >> nth=0");
    assert.equal(await active(page), "reg-phone");
    assert.deepEqual(clean(page), []);
    await page.context().close();
  });

  test("the keyboard alone", async () => {
    const [front, room, tv] = [await open(browser, { session: desk }), await open(browser, { session: doctor }), await open(browser)];
    await printing(front);
    await front.goto(clinic + "/queue");
    await tv.goto(screen);
    const keys = front.keyboard;
    // A new patient: n, phone, name, age, sex, the doctor by name, Ctrl+Enter.
    await keys.press("n");
    await keys.type(phone());
    await keys.press("Tab");
    const name = `Indu ${family}`;
    await keys.type(name);
    await tabTo(front, "reg-age", 8);
    await keys.type("63");
    await keys.press("Tab");
    await keys.press("Tab");
    await keys.press("f");
    assert.equal(await front.isChecked("#register input[value=female]"), true);
    await keys.press("Tab");
    assert.equal(await active(front), "reg-doctor");
    await keys.type("Meera");
    await keys.press("Control+Enter");
    const token = await issued(front, name);
    assert.equal(await active(front), "reg-phone");
    assert.equal(await front.evaluate(() => window.printed), 1);
    await keys.press("Alt+p");
    assert.equal(await front.evaluate(() => window.printed), 2, "Alt+P prints it again");

    // Somebody who was here before: /, part of the name, Down, Alt+Enter.
    await keys.press("Shift+Tab"); // out of the field, where a letter is a letter
    await keys.press("/");
    await keys.type(`seema ${family}`);
    await front.locator("#patient-search-list [role=option]", { hasText: family }).waitFor();
    await keys.press("ArrowDown");
    await keys.press("Alt+Enter");
    await front.waitForURL(/check-in/);
    await keys.press("Control+Enter");
    await front.waitForURL(/\/slip/);

    // The doctor: to the queue by g m, to its rows by Tab, along them by j; c calls.
    await room.goto(clinic + "/queue");
    await room.keyboard.press("g");
    await room.keyboard.press("m");
    await room.waitForURL(/my-queue/);
    await tabTo(room, "board-rows", 60);
    const at = () => room.evaluate(() => document.activeElement.closest("tr")?.innerText || "");
    for (let i = 0; i < 60 && !(await at()).includes(name); i++) await room.keyboard.press("j");
    await room.keyboard.press("c");
    await room.locator("tr[data-row]", { hasText: name }).locator(".badge", { hasText: "Called" }).waitFor();
    await tv.locator(`[data-called="${token}"]`).waitFor();
    assert.ok((await at()).includes(name), "the focus stays on the row");
    await room.keyboard.press("Enter"); // which brings the patient in
    await room.waitForURL(/\/visits\/[^/]+\/consultation$/);
    assert.deepEqual(clean(front, room, tv), []);
    for (const p of [front, room, tv]) await p.context().close();
  });

  test("Enter opens nobody from the list of a letter less", async () => {
    const page = await open(browser, { session: desk });
    await page.goto(clinic + "/queue");
    await page.fill("#patient-search", family);
    const options = page.locator("#patient-search-list [role=option]");
    await options.filter({ hasText: "Leela" }).waitFor();
    const other = (await options.first().textContent()).includes("Leela") ? "Seema" : "Leela";
    await page.route(/\/patients\/search\?/, async (route) => { await new Promise((go) => setTimeout(go, 500)); await route.continue(); });
    await page.focus("#patient-search");
    await page.keyboard.press("Home");
    await page.keyboard.type(other + " ");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    assert.ok(await options.count() >= 2, "the older list is still shown");
    await page.waitForURL(/\/patients\/[^/]+$/);
    assert.match(await page.textContent("h1"), new RegExp(other));
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("without JavaScript", async () => {
    const page = await open(browser, { script: false });
    await page.goto(clinic + "/queue");
    await fillSignIn(page, "kavita");
    await page.goto(clinic + "/queue");
    const name = `Vatsala ${family}`;
    await register(page, name);
    await page.waitForURL(/\/slip/);
    const token = (await page.textContent(".slip-no")).trim();
    assert.match(await page.textContent(".slip"), /Vatsala T\./);
    await page.goto(clinic + "/patients?q=" + family);
    assert.ok((await page.textContent("main")).includes(name));
    // Somebody who was here before.
    await page.goto(clinic + "/patients?q=leela+" + family);
    await page.click("td.act a[href$='/check-in'] >> nth=0");
    await page.click("main form button[type=submit]");
    await page.waitForURL(/\/slip/);
    // Called from the queue.
    await page.goto(clinic + "/queue");
    await page.locator("tr", { hasText: name }).locator("[data-call]").click();
    await page.waitForURL(/\/queue/);
    assert.match(await page.locator("tr", { hasText: name }).textContent(), /बोला|Called/);
    await page.goto(screen);
    assert.ok((await page.textContent("body")).includes(token));
    assert.deepEqual(clean(page), []);
    await page.context().close();
  });
});
