// Appointments against the whole service: booked by keys alone and without
// JavaScript, moved, cancelled, checked in, and two desks at one time.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { inspect, launch, open, refused, walk } from "./browser.mjs";
import { clinic, family, known, signIn } from "./people.mjs";

let browser, desk, second, doctor;
before(async () => {
  browser = await launch();
  [desk, second, doctor] = await Promise.all(["sunil", "admin", "farida"].map((who) => signIn("northside/" + who)));
});
after(async () => { await browser?.close(); });

// ahead is a weekday some weeks on that the demo has booked nothing for; each
// test has a day of its own, and another when it runs again on the same data.
let weeks = 4 + Math.floor(Math.random() * 40);
const ahead = () => {
  const day = new Date(Date.now() + 7 * weeks++ * 864e5);
  day.setUTCDate(day.getUTCDate() - day.getUTCDay() + 3); // a Wednesday
  return [day.getUTCDate(), day.getUTCMonth() + 1].map((n) => String(n).padStart(2, "0")).join("/") + "/" + day.getUTCFullYear();
};
const free = ".slots a[href*='/appointments/new']"; // what is booked has buttons too
const at = /\/appointments\/[0-9a-f-]{36}$/;
const faults = (...pages) => pages.flatMap((p) => p.faults);

describe("an appointment", { concurrency: false }, () => {
  test("is booked by keys alone", async () => {
    const name = `Usha ${family}`;
    await known(desk, name);
    const page = await open(browser, { session: desk }), keys = page.keyboard;
    await page.goto(clinic + "/queue");
    await page.evaluate(() => document.activeElement.blur());
    await keys.press("g");
    await keys.press("a");
    await page.waitForURL(/\/appointments$/);
    await keys.press("n");
    await page.waitForURL(/\/appointments\/new/);
    await page.focus("#appt-patient");
    await keys.type(name);
    await page.locator("#appt-patient-list [role=option]", { hasText: name }).waitFor();
    await keys.press("Enter");
    await keys.press("Tab");
    await keys.press("Tab");
    await keys.press("Control+a");
    const day = ahead();
    await keys.type(day);
    await keys.press("Tab"); // the day is left: its times come
    await page.locator(`#appt-time[value^='${day.split("/").reverse().join("-")}']`).waitFor();
    await page.focus("#appt-time");
    await keys.press("Space");
    await keys.press("Control+Enter");
    await page.waitForURL(at);
    assert.match(await page.textContent("h1"), new RegExp(name));
    assert.deepEqual([...await inspect(page, "an appointment"), ...faults(page)], []);
    await page.context().close();
  });

  test("works without JavaScript: booked from a free time, moved, cancelled", async () => {
    const name = `Veena ${family}`, day = ahead();
    await known(desk, name);
    const page = await open(browser, { session: desk, script: false });
    await page.goto(`${clinic}/appointments?day=${day}`);
    await page.locator(free).first().click();
    await page.fill("#appt-patient", name);
    await page.click("[data-submit]");
    await page.waitForURL(at);
    const first = await page.textContent("#appt-when");
    await page.click("a[href$='/move']");
    await page.locator("input[name=time]").nth(2).check();
    await page.click("[data-submit]");
    await page.waitForURL(at);
    assert.notEqual(await page.textContent("#appt-when"), first);
    await page.click("summary.panel-head");
    await page.click("details .btn-danger");
    assert.match(await page.textContent(".error-summary"), /Say why/);
    await page.fill("#appt-reason", "Travels");
    await page.click("details .btn-danger");
    await page.waitForURL(at);
    assert.match(await page.textContent("main"), /Cancelled/);
    await page.context().close();
  });

  test("of two desks at one time one is told that it was taken, and keeps what was typed", async () => {
    const names = [`Wasima ${family}`, `Yamuna ${family}`], day = ahead();
    for (const name of names) await known(desk, name);
    const pages = [await open(browser, { session: desk }), await open(browser, { session: second })];
    for (const [i, page] of pages.entries()) {
      refused(page, 422);
      await page.goto(`${clinic}/appointments?day=${day}`);
      await page.locator(free).first().click();
      await page.fill("#appt-patient", names[i]);
      await page.fill("#appt-purpose", "Cough");
    }
    await Promise.all(pages.map((page) => page.click("[data-submit]")));
    await Promise.all(pages.map((page) => Promise.race([page.waitForURL(at), page.locator(".error-summary").waitFor()])));
    const lost = pages.filter((page) => !at.test(page.url()));
    assert.equal(lost.length, 1);
    assert.match(await lost[0].textContent(".error-summary"), /just taken/);
    assert.equal(await lost[0].inputValue("#appt-purpose"), "Cough");
    assert.deepEqual([...await inspect(lost[0], "a time that was taken"), ...faults(...pages)], []);
    await lost[0].locator("input[name=time]").first().check();
    await lost[0].click("[data-submit]");
    await lost[0].waitForURL(at);
    for (const page of pages) await page.context().close();
  });

  test("is walked by Tab with the focus in sight, and a doctor sees the own week", async () => {
    const wrong = [];
    for (const size of ["wide", "phone"]) {
      const page = await open(browser, { session: doctor, size });
      await page.goto(clinic + "/appointments/week");
      assert.match(await page.textContent(".page-head"), /Farida Shaikh/);
      for (const path of ["/appointments/new", "/follow-ups"]) {
        await page.goto(clinic + path);
        wrong.push(...(await walk(page, 60)).map((w) => `${path} at ${size}: ${w}`));
      }
      wrong.push(...faults(page));
      await page.context().close();
    }
    assert.deepEqual(wrong, []);
  });
});
