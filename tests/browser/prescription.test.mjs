// Prescribing against the whole service: from a template to the printed paper in
// at most ten keys, the builder by keys alone, warnings that want a reason, a
// correction, and all of it in a browser without JavaScript.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { active, inspect, launch, open, refused } from "./browser.mjs";
import { arrive, clinic, family, fillSignIn, signIn } from "./people.mjs";

let browser, desk, doctor;
before(async () => {
  browser = await launch();
  [desk, doctor] = await Promise.all(["sunil", "meera"].map((who) => signIn("northside/" + who)));
});
after(async () => { await browser?.close(); });

// begin opens the doctor's screen of a visit, with a complaint in the draft.
const begin = async (visit, options = {}) => {
  const page = await open(browser, { session: doctor, ...options });
  await page.addInitScript(() => { window.print = () => { document.documentElement.dataset.printed = "yes"; }; });
  await page.goto(visit + "/consultation");
  await page.locator("form[action$='/consultation/begin'] button").click();
  await page.waitForSelector("#cons-complaint");
  await page.waitForLoadState();
  const kept = page.waitForResponse((r) => r.url().endsWith("/draft"));
  await page.fill("#cons-complaint", "Fever since three days");
  await page.focus("#cons-findings");
  await kept;
  return page;
};

// template makes a template of the doctor's with a keyword of its own.
const template = async (name, keyword, medicines) => {
  const page = await open(browser, { session: doctor });
  await page.goto(clinic + "/templates/new");
  await page.fill("#cons-name", name);
  await page.fill("#cons-keyword", keyword);
  for (const m of medicines) await pickMedicine(page, m);
  await page.click("[data-submit]");
  await page.locator(".day-rows", { hasText: name }).waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
};

const rows = (page) => page.locator("[data-rx-row]");
const names = (page) => page.$$eval("[name=rx_medicine]", (all) => all.map((i) => i.value));
const pickMedicine = async (page, text) => {
  const n = await rows(page).count();
  await page.locator("#cons-medicine").pressSequentially(text);
  await page.locator("#cons-medicine-list [role=option]").first().waitFor();
  await page.keyboard.press("Enter");
  await rows(page).nth(n).waitFor();
};

describe("prescribing", { concurrency: false }, () => {
  test("from a template to the printed prescription in at most ten keys, no mouse", async () => {
    const keyword = "z" + family.slice(-6);
    await template(`Fever ${family}`, keyword, ["paracetamol 650", "cetirizine", "pantoprazole"]);
    const visit = await arrive(desk, `Kanta ${family}`, "Meera");
    const page = await begin(visit);
    await page.reload();
    // The pointer is off: a hand on it would fail the test.
    for (const what of ["move", "down", "up", "click", "dblclick", "wheel"]) page.mouse[what] = () => { throw new Error("the pointer was used"); };
    let keys = 0;
    const press = async (combination) => { keys += combination.split("+").length; await page.keyboard.press(combination); };
    await press("m");
    assert.equal(await active(page), "cons-medicine");
    await press("/");
    await press("z");
    await press("Enter");
    await press("Control+Enter");
    await page.waitForURL(/\/prescriptions\/[^/]+\/print\?now=1$/);
    await page.locator("html[data-printed=yes]").waitFor();
    assert.ok(keys <= 10, `${keys} keys`);
    const paper = await page.textContent(".sheet");
    for (const text of ["RX-", "Paracetamol 650 mg", "1-1-1", "Cetirizine", "Pantoprazole", "Fever since three days", `Kanta ${family}`]) assert.ok(paper.includes(text), text);
    assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "My queue", "what comes next has the focus");
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("the builder by keys: strength, dose grammar, order, removal and undo", async () => {
    const visit = await arrive(desk, `Leela ${family}`, "Meera"), page = await begin(visit), keys = page.keyboard;
    await pickMedicine(page, "amlo");
    await pickMedicine(page, "parecetamol");
    await page.locator("#cons-medicine").pressSequentially("Doctor's own mixture");
    await page.locator("#cons-medicine-list .none").waitFor();
    await keys.press("Enter");
    await rows(page).nth(2).waitFor();
    assert.deepEqual(await names(page), ["Amlodipine", "Paracetamol", "Doctor's own mixture"]);
    assert.match(await rows(page).nth(2).textContent(), /No dose[^]*No duration[^]*Not in the drug list/);
    await page.focus("#cons-rx-0-dose");
    await keys.press("Control+a");
    await keys.type("½ bd");
    const answered = page.waitForResponse((r) => r.url().endsWith("/sheet"));
    await keys.press("Tab");
    await answered;
    await page.locator("#cons-rx-0-quantity[placeholder='30']").waitFor();
    await page.focus("#cons-rx-0-dose");
    await keys.press("Alt+ArrowDown");
    await page.waitForFunction(() => document.querySelector("[name=rx_medicine]").value === "Paracetamol");
    assert.equal(await active(page), "cons-rx-1-dose");
    assert.equal(await page.inputValue("#cons-rx-1-dose"), "½ bd");
    await page.focus("#cons-rx-2-medicine");
    await keys.press("Control+a");
    await keys.press("Backspace");
    await keys.press("Backspace");
    await rows(page).nth(2).waitFor({ state: "detached" });
    await page.locator(".toast button").click();
    await rows(page).nth(2).waitFor();
    assert.equal((await names(page))[2], "Doctor's own mixture");
    // A fast typist's Enter waits for the list of what was typed, also when that of
    // fewer letters comes in between.
    let answer;
    const held = new Promise((go) => { answer = go; });
    await page.route(/\/medicines\?medicine=met$/, async (route) => { await held; await route.continue().catch(() => {}); });
    const asked = page.waitForRequest(/\/medicines\?medicine=met$/);
    await page.focus("#cons-medicine");
    await keys.type("met");
    await asked;
    await keys.type("ronid");
    answer();
    await page.locator("#cons-medicine-list [role=option]").first().waitFor();
    await keys.press("Enter");
    await rows(page).nth(3).waitFor();
    assert.equal((await names(page))[3], "Metronidazole");
    // Where no list comes, what was typed counts as it stands.
    refused(page, 503);
    await page.route(/\/medicines\?/, (route) => route.fulfill({ status: 503, body: "" }));
    await keys.type("metform");
    await keys.press("Enter");
    await rows(page).nth(4).waitFor();
    assert.equal((await names(page))[4], "metform");
    await page.unroute(/\/medicines\?/);
    await page.focus("#cons-test");
    await keys.type("cbc");
    await page.locator("#cons-test-list [role=option]").first().waitFor();
    await keys.press("Enter");
    await page.locator(".rx-test", { hasText: "Complete blood count" }).waitFor();
    // Leaving and coming back loses nothing.
    await page.locator("[data-draft-state]", { hasText: "Draft saved" }).waitFor();
    await keys.press("Control+s");
    await page.waitForTimeout(1500);
    await page.goto(visit + "/consultation");
    assert.deepEqual(await names(page), ["Paracetamol", "Amlodipine", "Doctor's own mixture", "Metronidazole", "metform"]);
    assert.equal(await page.locator(".rx-test").count(), 1);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("a warning is overridden with a reason, and a prescription is corrected and cancelled", async () => {
    const visit = await arrive(desk, `Mandira ${family}`, "Meera"), page = await begin(visit);
    refused(page, 422);
    const patient = await page.evaluate(() => document.querySelector("[data-rx]").dataset.rx.replace("/sheet", ""));
    await page.goto(patient + "/edit");
    await page.fill("[name=allergies]", "Penicillin");
    await page.click("main form [data-submit]");
    await page.locator(".banner", { hasText: "Penicillin" }).waitFor();
    await page.goto(visit + "/consultation");
    await page.locator("#cons-medicine").pressSequentially("amoxi");
    await page.locator("#cons-medicine-list [role=option]", { hasText: "penicillin" }).first().waitFor();
    await page.keyboard.press("Enter");
    await page.locator(".rx-warning", { hasText: "penicillin" }).waitFor();
    await page.click("[data-submit]");
    await page.waitForSelector(".error-summary");
    await page.waitForLoadState();
    assert.match(await page.textContent(".error-summary"), /Give a reason/);
    await page.click(".error-summary a");
    assert.equal(await active(page), "cons-rx-0-reason");
    await page.keyboard.type("Tolerated it last year");
    await page.keyboard.press("Control+Enter");
    await page.waitForURL(/\/print\?now=1$/);
    const number = (await page.textContent("h1")).match(/RX-\d+-\d+/)[0];
    await page.click("a[href$='/correct']");
    await page.waitForURL(/\/correct$/);
    await page.fill("#cons-reason", "Allergy after all");
    await page.locator("[data-rx-row] button", { hasText: "Remove" }).click();
    await rows(page).first().waitFor({ state: "detached" });
    await pickMedicine(page, "azithro");
    await page.click("[data-submit]");
    await page.waitForURL(/\/print\?now=1$/);
    const paper = await page.textContent(".sheet");
    assert.ok(paper.includes(`Replaces ${number}: Allergy after all`) && paper.includes("Azithromycin") && !paper.includes("Amoxicillin"), paper);
    await page.click("a[href$='/cancel']");
    await page.click(".btn-danger");
    await page.locator(".field.has-error").waitFor();
    await page.fill("#cancel-reason", "Patient left");
    await page.click(".btn-danger");
    await page.locator(".void", { hasText: "Patient left" }).waitFor();
    await page.goto(patient);
    await page.click("#timeline-prescription");
    await page.locator("#timeline-prescription[aria-current]").waitFor();
    assert.match(await page.textContent("#timeline"), /Cancelled[^]*Cancelled/);
    assert.equal(await active(page), "timeline-prescription");
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("without JavaScript", async () => {
    const visit = await arrive(desk, `Nanda ${family}`, "Meera"), page = await open(browser, { script: false });
    refused(page, 422);
    await page.goto(clinic + "/my-queue");
    await fillSignIn(page, "meera");
    await page.goto(visit + "/consultation");
    await page.click("form[action$='/consultation/begin'] button");
    await page.fill("#cons-complaint", "Cough");
    await page.fill("#cons-medicine", "paracetamol 650");
    await page.click("button[value=add]");
    assert.equal(await page.inputValue("#cons-rx-0-strength"), "650 mg");
    await page.fill("#cons-medicine", "Cetirizine");
    await page.fill("#cons-test", "ECG 12 lead");
    await page.click("[data-save]");
    await page.click("button[value='up:1']");
    assert.deepEqual(await names(page), ["Cetirizine", "Paracetamol"]);
    await page.click("button[value='remove:0']");
    await page.fill("#cons-rx-0-dose", "often");
    await page.click("[data-submit]");
    assert.match(await page.textContent(".error-summary"), /Write the dose as/);
    await page.fill("#cons-rx-0-dose", "tds");
    await page.click("[data-submit]");
    await page.waitForURL(/\/print\?now=1$/);
    const paper = await page.textContent(".sheet");
    assert.ok(paper.includes("Paracetamol 650 mg") && paper.includes("1-1-1") && paper.includes("ECG 12 lead"), paper);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  for (const size of ["wide", "phone"]) {
    test(`the screens hold at ${size}`, async () => {
      const visit = await arrive(desk, `${size === "wide" ? "Ojas" : "Prabha"} ${family}`, "Meera"), page = await begin(visit, { size }), wrong = [];
      refused(page, 422);
      await pickMedicine(page, "amlo");
      await pickMedicine(page, "amlo");
      await page.locator("#cons-test").pressSequentially("cbc");
      await page.locator("#cons-test-list [role=option]").first().waitFor();
      await page.keyboard.press("Enter");
      await page.locator(".rx-test").waitFor();
      wrong.push(...await inspect(page, "builder"));
      await page.locator("#cons-medicine").pressSequentially("metf");
      await page.locator("#cons-medicine-list [role=option]").first().waitFor();
      wrong.push(...await inspect(page, "suggestions"));
      await page.keyboard.press("Escape");
      await page.fill("#cons-medicine", "");
      await page.click("[data-submit]");
      await page.waitForSelector(".error-summary");
      await page.evaluate(() => scrollTo(0, 0));
      wrong.push(...await inspect(page, "builder refused"));
      await page.fill("#cons-rx-1-reason", "Two strengths");
      await page.click("[data-submit]");
      await page.waitForURL(/\/print\?now=1$/);
      wrong.push(...await inspect(page, "paper"));
      const printed = page.url();
      await page.goto(printed.split("?")[0].replace("/print", "/cancel"));
      wrong.push(...await inspect(page, "cancel"));
      await page.goto(printed.split("?")[0] + "?lang=hi&head=none&paper=a4");
      wrong.push(...await inspect(page, "paper in Hindi"));
      const code = (await page.getAttribute(".check img", "src")).replace("/qr.png", "");
      const stranger = await open(browser, { size });
      await stranger.goto(code);
      assert.match(await stranger.textContent("main"), /RX-\d+-\d+[^]*Valid/);
      wrong.push(...await inspect(stranger, "what the code says"));
      await stranger.context().close();
      await page.goto(visit + "/consultation");
      wrong.push(...await inspect(page, "finished"));
      await page.goto(visit + "/tests");
      wrong.push(...await inspect(page, "test request"));
      await page.goto(visit + "/prescribe");
      wrong.push(...await inspect(page, "prescribe later"));
      await page.goto(clinic + "/templates");
      wrong.push(...await inspect(page, "templates"));
      await page.goto(clinic + "/templates/new");
      wrong.push(...await inspect(page, "new template"));
      assert.deepEqual(wrong, []);
      await page.context().close();
    });
  }
});
