// The demo's people and what they do on many pages: signing in, registering,
// finding the link of a screen.
import { randomBytes } from "node:crypto";
import { request } from "playwright-core";
import { active, address, somebody } from "./browser.mjs";

const password = process.env.CLOISTER_PASSWORD;
export const clinic = "/clinic/northside";

// send fills a form that stands at a path and sends it, without a browser: for what
// only leads to what a test is about. It gives where that leads.
async function send(api, path, fields) {
  const form = await (await api.get(path)).text();
  const [, once] = /name="_once" value="([^"]+)"/.exec(form);
  const answer = await api.post(path, { form: { _once: once, ...fields(form) } });
  const to = new URL(answer.url()).pathname;
  if (!answer.ok() || to === path) throw new Error(`${path} answers ${answer.status()}: ${await answer.text()}`);
  return to;
}
const speak = (session) => request.newContext({ baseURL: address, storageState: session, extraHTTPHeaders: { Accept: "text/html", "X-Forwarded-For": somebody() } });

// signIn gives the storage state of somebody's session: "northside/sunil", or
// "platform" for the operator.
export async function signIn(who) {
  const [slug, user] = who.split("/"), api = await speak();
  await send(api, slug === "platform" ? "/platform/login" : `/clinic/${slug}/login`, () => ({ username: user || process.env.CLOISTER_OPERATOR, password }));
  const state = await api.storageState();
  await api.dispose();
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
export async function screenLink(session, at = clinic) {
  const api = await speak(session);
  const [, link] = /href="([^"]*\/display\/[^"]+)"/.exec(await (await api.get(at + "/displays")).text());
  await api.dispose();
  return new URL(link, address).pathname;
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

const facts = (name) => ({ phone: phone(), name, age: "41", sex: "female", kind: "routine" });

// arrive registers somebody with a token for a doctor and gives the visit's path.
export async function arrive(session, name, doctor) {
  const api = await speak(session);
  const slip = await send(api, clinic + "/register", (form) => ({
    ...facts(name), then: "token", doctor: new RegExp(`<option value="([^"]+)"[^>]*>[^<]*${doctor}`).exec(form)[1],
  }));
  await api.dispose();
  return slip.split("/slip")[0];
}

// known registers somebody without a token and gives the record's path.
export async function known(session, name) {
  const api = await speak(session);
  const to = await send(api, clinic + "/register", () => ({ ...facts(name), then: "save" }));
  await api.dispose();
  return to;
}

// tabTo presses Tab until the focus is where a test wants it.
export async function tabTo(page, id, atMost = 40) {
  for (let i = 0; i < atMost; i++) {
    if (await active(page) === id) return i;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not reach ${id} in ${atMost} steps; the focus is at ${await active(page)}`);
}
