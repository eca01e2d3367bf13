// Takes the pictures of docs/screens from a running demo, whose people are made
// up. Start it with made data (make reset, make run), then
//
//   CLOISTER_URL=http://127.0.0.1:8080 CLOISTER_PASSWORD=… CLOISTER_OPERATOR=… npm run pictures
//
// with the password and the operator that make run prints. Names behind "--" take
// those alone.
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, open } from "./browser.mjs";
import { clinic, screenLink, signIn } from "./people.mjs";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "docs", "screens");
mkdirSync(folder, { recursive: true });
const browser = await launch();
const sessions = { desk: "northside/sunil", doctor: "northside/meera", admin: "northside/admin", operator: "platform", hindi: "southside/pooja" };
for (const [as, who] of Object.entries(sessions)) sessions[as] = await signIn(who);
const screen = await screenLink(sessions.desk);

// allergic opens a patient who has an allergy: the page has most to show then.
const allergic = async (page) => {
  for (const path of await page.$$eval(".table [data-open]", (all) => all.map((a) => a.pathname))) {
    await page.goto(path);
    if (await page.locator(".banner.has-allergy").count()) return;
  }
};
// brand previews a colour that is too light for text.
const brand = async (page) => {
  await page.fill("[name=colour]", "#ffe600");
  await page.locator("#brand-preview .notice").first().waitFor();
  await page.waitForLoadState("networkidle");
};
const called = async (page) => {
  const front = await open(browser, { session: sessions.desk });
  await front.goto(clinic + "/queue");
  const next = front.locator("[data-call]").first();
  await next.click();
  await page.locator(".is-called").first().waitFor();
  await front.context().close();
};

// inside writes some of a consultation.
const inside = async (page) => {
  await page.locator("form[action$='/consultation/begin'] button:visible").first().click();
  await page.waitForURL(/\/consultation$/);
  await page.fill("#cons-temp", "101.2");
  await page.fill("#cons-complaint", "Itching rash on both arms since a week, fever since yesterday.");
  await page.fill("#cons-findings", "Scaly patches in both elbows, no discharge.");
  for (const symptom of ["fever", "rash", "itching"]) await page.check(`[value=${symptom}]`);
  await page.locator("[data-draft-state]", { hasText: "saved" }).waitFor();
  await page.evaluate(() => scrollTo(0, 0));
};
// prescribed opens the paper of a patient with an allergy, as the address wants it.
const prescribed = (asked = "") => async (page) => {
  const patients = await page.$$eval(".table [data-open]", (all) => all.map((a) => a.pathname));
  let best = "", most = 0;
  for (const path of patients) {
    await page.goto(path);
    if (!await page.locator(".banner.has-allergy").count()) continue;
    for (const paper of await page.$$eval("a[href$='/print']", (all) => all.map((a) => a.pathname))) {
      await page.goto(paper + "?lang=en");
      const lines = await page.locator(".lines tbody tr").count();
      if (lines > most) [best, most] = [paper, lines];
    }
  }
  await page.goto(best + asked);
};
// verified opens what the code on such a paper leads to.
const verified = async (page) => {
  await prescribed()(page);
  await page.goto((await page.getAttribute(".check img", "src")).replace("/qr.png", ""));
};
// building puts the medicines of a template and one of the list on the sheet.
const building = async (page) => {
  await inside(page);
  // What an earlier picture left in the draft goes first.
  for (let left = await page.locator("[data-rx-row]").count(); left > 0; left--) {
    await page.locator("[data-rx-row] button", { hasText: "Remove" }).last().click();
    await page.waitForFunction((n) => document.querySelectorAll("[data-rx-row]").length === n, left - 1);
  }
  for (const typed of ["/urti", "amlo"]) {
    const rows = await page.locator("[data-rx-row]").count();
    await page.locator("#cons-medicine").pressSequentially(typed);
    await page.locator("#cons-medicine-list [role=option]").first().waitFor();
    await page.keyboard.press("Enter");
    await page.locator("[data-rx-row]").nth(rows).waitFor();
  }
  await page.locator("[data-draft-state]", { hasText: "saved" }).waitFor();
  await page.locator("#prescription").evaluate((el) => el.scrollIntoView());
  await page.evaluate(() => scrollBy(0, -120));
};
// treated opens a patient to whom something was prescribed.
const treated = async (page) => {
  for (const path of await page.$$eval(".table [data-open]", (all) => all.map((a) => a.pathname))) {
    await page.goto(path);
    if (await page.locator("main a[href*='/prescriptions/'][href$='/print']").count()) return;
  }
};
const files = async (page) => { await treated(page); await page.goto(page.url() + "/documents"); };
// shared opens what a patient gets by a link.
const shared = async (page) => {
  const front = await open(browser, { session: sessions.desk });
  await front.goto(clinic + "/patients");
  await treated(front);
  await front.goto(await front.locator("main a[href*='/prescriptions/'][href$='/print']").first().getAttribute("href"));
  await front.goto(front.url().replace(/\/print.*/, "/share"));
  const digits = (await front.inputValue("#share-phone")).replace(/\D/g, "");
  await front.check("input[name=channel][value=copy]");
  await front.click("#share-form [data-submit]");
  await page.goto(new URL(await front.inputValue("#share-link")).pathname);
  await page.fill("#share-answer", digits.slice(-4));
  await page.click("main form button");
  await page.locator(".shared-lines li").first().waitFor();
  await front.context().close();
};
const pictures = [
  ["display", null, screen, { act: called, viewport: { width: 1280, height: 720 } }],
  ["reception", "desk", clinic + "/queue"], ["reception-dark", "desk", clinic + "/queue", { theme: "dark" }], ["reception-phone", "desk", clinic + "/queue", { size: "phone" }],
  ["reception-hindi", "hindi", "/clinic/southside/queue"],
  ["patients", "desk", clinic + "/patients"], ["patient", "desk", clinic + "/patients", { act: allergic }], ["patient-phone", "desk", clinic + "/patients", { act: allergic, size: "phone" }],
  ["my-queue", "doctor", clinic + "/my-queue"], ["my-queue-phone", "doctor", clinic + "/my-queue", { size: "phone" }],
  ["consultation", "doctor", clinic + "/my-queue", { act: inside }], ["consultation-dark", "doctor", clinic + "/my-queue", { act: inside, theme: "dark" }],
  ["consultation-phone", "doctor", clinic + "/my-queue", { act: inside, size: "phone" }],
  ["prescription", "doctor", clinic + "/patients", { act: prescribed("?lang=en"), viewport: { width: 1000, height: 940 } }],
  ["prescription-hindi", "doctor", clinic + "/patients", { act: prescribed("?lang=hi"), viewport: { width: 1000, height: 940 } }],
  ["builder", "doctor", clinic + "/my-queue", { act: building }], ["builder-dark", "doctor", clinic + "/my-queue", { act: building, theme: "dark" }],
  ["builder-phone", "doctor", clinic + "/my-queue", { act: building, size: "phone" }],
  ["history", "doctor", clinic + "/patients", { act: treated }], ["history-dark", "doctor", clinic + "/patients", { act: treated, theme: "dark" }],
  ["files", "desk", clinic + "/patients", { act: files }], ["files-phone", "desk", clinic + "/patients", { act: files, size: "phone" }],
  ["appointments", "desk", clinic + "/appointments"], ["appointments-dark", "desk", clinic + "/appointments", { theme: "dark" }], ["appointments-phone", "desk", clinic + "/appointments", { size: "phone" }],
  ["week-hindi", "hindi", "/clinic/southside/appointments/week"], ["follow-ups", "desk", clinic + "/follow-ups"],
  ["share-phone", "desk", clinic + "/patients", { act: shared, size: "phone" }], ["formulary", "admin", clinic + "/formulary"],
  ["verify-phone", "doctor", clinic + "/patients", { act: verified, size: "phone" }],
  ["branding", "admin", clinic + "/settings/branding", { act: brand }], ["staff", "admin", clinic + "/staff"], ["dashboard", "admin", clinic + "/dashboard"],
  ["clinics", "operator", "/platform/clinics"],
];
const only = process.argv.slice(2); // names of some, or all
for (const [name, who, at, { act, theme = "light", size = "wide", viewport } = {}] of pictures) {
  if (only.length && !only.includes(name)) continue;
  const page = await open(browser, { session: sessions[who], size });
  if (viewport) await page.setViewportSize(viewport);
  await page.goto(at);
  await page.reload(); // with the fonts at hand: they are optional on a first visit
  await act?.(page);
  await page.evaluate((theme) => { document.documentElement.dataset.theme = theme; document.activeElement.blur(); return document.fonts.ready; }, theme);
  await page.screenshot({ path: join(folder, name + ".png") });
  if (page.faults.length) throw new Error(`${name}: ${page.faults}`);
  await page.context().close();
  console.log(name);
}
await browser.close();
