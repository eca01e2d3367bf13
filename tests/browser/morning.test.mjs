// A morning of one clinic against a service that is killed in the middle of it:
// two receptionists and two doctors at work at once, from registration to the
// printed prescription; and a network that is gone for five minutes. What was
// confirmed stays, what was typed comes back, and nothing is there twice. The
// test that starts this counts in the database afterwards.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, open } from "./browser.mjs";
import { clinic, family, register, signIn } from "./people.mjs";

const each = Number(process.env.CLOISTER_PATIENTS) / 2; // patients of a receptionist, and of a doctor
let browser;
const session = {};
before(async () => {
  browser = await launch();
  for (const who of ["sunil", "kavita", "meera", "sameer"]) session[who] = await signIn("northside/" + who);
});
after(async () => { await browser?.close(); });

// service asks the test to kill the service, or to start it again.
const service = async (what) => {
  const answer = await fetch(process.env.CLOISTER_CONTROL + what, { method: "POST" });
  assert.equal(answer.status, 204, await answer.text());
};
const given = ["Aarti", "Bhaskar", "Chitra", "Damini", "Eknath", "Falguni", "Gauri", "Hemant", "Indu", "Jayesh", "Kamini", "Lata", "Manda", "Nitin", "Omkar", "Pallavi", "Rohini", "Sagar", "Tara", "Ujwala"];
const names = { sunil: [], kavita: [] };
for (let i = 0; i < each; i++) {
  names.sunil.push(`${given[i]} ${family}`);
  names.kavita.push(`${given[i]}bai ${family}`);
}

const at = async (who) => {
  const page = await open(browser, { session: session[who] });
  await page.addInitScript(() => { window.print = () => { window.printed = (window.printed || 0) + 1; }; });
  return page;
};
// What a page says while the service is away is what these tests are about.
const away = (page) => { page.faults = page.faults.filter((f) => !/ERR_|status of 409|Failed to fetch|network error|NetworkError|htmx:error/.test(f)); };
const faults = (...pages) => pages.flatMap((p) => p.faults);
const unsent = (page) => page.locator("#unsent");

// admit registers somebody for a doctor, with a token and its slip.
const admit = async (page, name, doctor) => {
  await register(page, name, { doctor });
  await page.locator("#register .notice-done", { hasText: name }).waitFor();
};

// enter calls somebody from the own queue and brings them in.
const enter = async (page, name) => {
  await page.goto(clinic + "/my-queue");
  const row = page.locator("tr[data-row]", { hasText: name });
  await row.locator("[data-call]").hover(); // as a hand does: from now on nothing moves under it
  await page.waitForTimeout(150);
  await row.locator("[data-call]").click();
  await row.locator(".badge", { hasText: /Called|बोलावले|बुलाया/ }).waitFor();
  await row.locator("form[action$='/consultation/begin'] button").click();
  await page.waitForSelector("#cons-complaint").catch(async (e) => {
    throw new Error(`${name} is not brought in at ${page.url()}: ${await page.innerText("body")}`, { cause: e });
  });
  await page.waitForLoadState();
};

// prescribe writes the complaint and a medicine, finishes, and prints.
const prescribe = async (page, name) => {
  await page.fill("#cons-complaint", "Fever since three days");
  await page.locator("#cons-medicine").pressSequentially("paracetamol 650");
  await page.locator("#cons-medicine-list [role=option]").first().waitFor();
  await page.keyboard.press("Enter");
  await page.locator("[data-rx-row]").first().waitFor();
  await page.keyboard.press("Control+Enter");
  await printed(page, name);
};
const printed = async (page, name) => {
  await page.waitForURL(/\/prescriptions\/[^/]+\/print\?now=1$/);
  const paper = await page.textContent(".sheet");
  for (const text of [name, "RX-", "Paracetamol", "Fever since three days"]) assert.ok(paper.includes(text), `${text} in ${paper}`);
};

describe("a morning", { concurrency: false }, () => {
  const waiting = { meera: [], sameer: [] }; // for a doctor, in the order of arrival
  // The desks take in turns for both doctors.
  const desk = async (page, who, from, to) => {
    for (let i = from; i < to; i++) {
      const doctor = i % 2 ? "meera" : "sameer";
      await admit(page, names[who][i], doctor === "meera" ? "Meera" : "Sameer");
      waiting[doctor].push(names[who][i]);
    }
  };
  let seen = 0;
  const room = async (page, who, until) => {
    for (;;) {
      const name = waiting[who].shift();
      if (name) {
        await enter(page, name);
        await prescribe(page, name);
        seen++;
      } else if (until()) return;
      else await page.waitForTimeout(100);
    }
  };
  // work lets all four work until the desks are done with some patients.
  const work = async (pages, from, to) => {
    let open = 2;
    const done = () => open === 0;
    await Promise.all([
      ...["sunil", "kavita"].map((who) => desk(pages[who], who, from, to).finally(() => open--)),
      ...["meera", "sameer"].map((who) => room(pages[who], who, done)),
    ]);
  };

  test("of two receptionists and two doctors at once, with the service killed in the middle", async () => {
    const pages = {};
    for (const who of Object.keys(session)) pages[who] = await at(who);
    for (const who of ["sunil", "kavita"]) await pages[who].goto(clinic + "/queue");
    const half = Math.floor(each / 2);
    await work(pages, 0, half);

    // Now one doctor has a draft that the server confirmed, the other types, one
    // desk has typed a form and the other is about to send one.
    const { sunil, kavita, meera, sameer } = pages;
    await admit(sunil, names.sunil[half], "Meera");
    await admit(kavita, names.kavita[half], "Sameer");
    await enter(meera, names.sunil[half]);
    await enter(sameer, names.kavita[half]);
    const kept = meera.waitForResponse((r) => r.url().endsWith("/draft") && r.ok());
    await meera.fill("#cons-complaint", "Fever since three days");
    await meera.focus("#cons-findings");
    await kept;
    await service("/kill");
    await sameer.fill("#cons-complaint", "Fever since three days");
    await sameer.focus("#cons-findings");
    await sameer.locator("[data-unsaved]:visible").waitFor();
    await register(sunil, names.sunil[half + 1], { doctor: "Meera" });
    await unsent(sunil).filter({ hasText: /Not sent since \d\d:\d\d/ }).waitFor();
    assert.equal(await sunil.inputValue("#reg-name"), names.sunil[half + 1], "what was typed stays");
    const visit = meera.url();
    await meera.close({ runBeforeUnload: false });
    await service("/start");
    await sunil.locator("#register .notice-done", { hasText: names.sunil[half + 1] }).waitFor(); // by itself
    assert.equal(await unsent(sunil).isVisible(), false);
    const back = pages.meera = await at("meera");
    await back.goto(visit);
    assert.equal(await back.inputValue("#cons-complaint"), "Fever since three days", "the draft returns");
    const saved = sameer.waitForResponse((r) => r.url().endsWith("/draft") && r.ok());
    await sameer.locator("[data-unsaved] [data-retry]").click();
    await saved;
    for (const p of Object.values(pages)) away(p);
    await Promise.all([prescribe(back, names.sunil[half]), prescribe(sameer, names.kavita[half])]);
    seen += 2;
    waiting.meera.push(names.sunil[half + 1]);
    await admit(kavita, names.kavita[half + 1], "Sameer");
    waiting.sameer.push(names.kavita[half + 1]);
    await work(pages, half + 2, each);
    assert.equal(seen, 2 * each);
    assert.deepEqual(faults(...Object.values(pages)), []);
    for (const p of Object.values(pages)) await p.context().close();
  });

  test("a network that is gone for five minutes at the desk and in the room loses and doubles nothing", async () => {
    const front = await at("sunil"), room = await at("meera");
    for (const page of [front, room]) await page.clock.install();
    const [first, second, third] = ["Vasudha", "Wamanrao", "Yashoda"].map((n) => `${n} ${family}`);
    await front.goto(clinic + "/queue");
    await admit(front, first, "Meera");
    await admit(front, second, "Meera");
    await enter(room, first);
    for (const page of [front, room]) await page.context().setOffline(true);
    await register(front, third, { doctor: "Meera" });
    await unsent(front).filter({ hasText: /Not sent since/ }).waitFor();
    // What else is asked of the page meanwhile does not take the form's place.
    await front.locator("tr[data-row]", { hasText: second }).locator("[data-call]").click();
    await front.waitForTimeout(300);
    await room.fill("#cons-complaint", "Fever since three days");
    await room.focus("#cons-findings");
    await room.locator("[data-unsaved]:visible").waitFor();
    for (const page of [front, room]) await page.clock.fastForward("05:00");
    assert.equal(await front.inputValue("#reg-name"), third);
    assert.equal(await unsent(front).isVisible(), true);
    assert.equal(await room.inputValue("#cons-complaint"), "Fever since three days");
    // The doctor finishes all the same: that waits as well.
    await room.locator("#cons-advice").fill("Rest");
    await room.keyboard.press("Control+Enter");
    await unsent(room).filter({ hasText: /Not sent since/ }).waitFor();
    for (const page of [front, room]) await page.context().setOffline(false);
    await front.locator("#register .notice-done", { hasText: third }).waitFor();
    await front.locator("tr[data-row]", { hasText: second }).locator(".badge", { hasText: /Called|बोलावले|बुलाया/ }).waitFor();
    await room.waitForURL(/my-queue/);
    await room.locator("tr[data-row]", { hasText: third }).waitFor();
    for (const page of [front, room]) away(page);
    assert.deepEqual(faults(front, room), []);
    for (const page of [front, room]) await page.context().close();
  });
});
