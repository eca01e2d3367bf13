// The demo's people and what they do on many pages: signing in, registering,
// finding the link of a screen.
import { randomBytes } from "node:crypto";
import { active, open } from "./browser.mjs";

const password = process.env.CLOISTER_PASSWORD;
export const clinic = "/clinic/northside";

// signIn gives the storage state of somebody's session: "northside/sunil", or
// "platform" for the operator.
export async function signIn(browser, who) {
  const page = await open(browser);
  const [slug, user] = who.split("/");
  await page.goto(slug === "platform" ? "/platform/login" : `/clinic/${slug}/login`);
  await fillSignIn(page, user || process.env.CLOISTER_OPERATOR);
  const state = await page.context().storageState();
  await page.context().close();
  return state;
}

export async function fillSignIn(page, user) {
  await page.fill("[name=username], [name=email]", user);
  await page.fill("[name=password]", password);
  await page.click("main form button[type=submit]");
  await page.waitForURL((url) => !url.pathname.endsWith("/login")).catch(async (e) => {
    throw new Error(`${user} is not signed in: ${await page.textContent("main")}`, { cause: e });
  });
}

// A family name that nobody else has and that is like no other's, so that no form
// warns of namesakes, also when the tests run again on the same data.
export const family = "Test" + Array.from(randomBytes(13), (b) => "abcdefghij"[b % 10]).join("");

// phones that nobody else in the demo has: the moment's milliseconds, of which no
// two are alike.
let last = 0;
export const phone = () => {
  last = Math.max(last + 1, Date.now() % 1e8);
  return "90" + String(last).padStart(8, "0");
};

// screenLink is the secret link of the demo's screen.
export async function screenLink(browser, session, at = clinic) {
  const page = await open(browser, { session });
  await page.goto(at + "/displays");
  const link = await page.getAttribute(`a[href*="/display/"]`, "href");
  await page.context().close();
  return new URL(link, page.url()).pathname;
}

// register fills the short form and sends it; where says the doctor's name.
export async function register(page, name, { doctor, token = true } = {}) {
  await page.fill("#reg-phone", phone());
  await page.fill("#reg-name", name);
  await page.fill("#reg-age", "41");
  await page.check("#register input[value=female]");
  if (doctor) await page.selectOption("#reg-doctor", { label: await page.$$eval("#reg-doctor option", (all, d) => all.find((o) => o.label.includes(d)).label, doctor) });
  await page.click(token ? "[data-submit]" : "#register button[value=save]");
}

// tabTo presses Tab until the focus is where a test wants it.
export async function tabTo(page, id, atMost = 40) {
  for (let i = 0; i < atMost; i++) {
    if (await active(page) === id) return i;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not reach ${id} in ${atMost} steps; the focus is at ${await active(page)}`);
}
