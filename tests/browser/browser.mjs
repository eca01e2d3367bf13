// Starting Chromium and the rules that hold on every page: no violation of the
// content security policy, no error in the console, no accessibility failure,
// no sideways scroll.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const address = process.env.CLOISTER_URL;
export const sizes = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

export async function launch(...more) {
  if (!address) throw new Error("CLOISTER_URL must be the address of a running server");
  return chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--autoplay-policy=document-user-activation-required",
      "--num-raster-threads=1",
      "--js-flags=--no-turbofan,--no-maglev,--single-threaded-gc", ...more], // a page is gone before code that was made fast for it pays
  });
}

// somebody makes an address of its own for a context, since the service limits
// how often one address may try to sign in.
let visitors = 0;
export const somebody = () => `198.18.${process.pid % 256}.${1 + (visitors++ % 250)}`;

// open makes a page that remembers what must not happen on it. session is the
// storage state of somebody who signed in.
export async function open(browser, { size = "wide", script = true, scheme = "light", session, base = address } = {}) {
  const context = await browser.newContext({
    viewport: sizes[size], isMobile: size === "phone", hasTouch: size === "phone", javaScriptEnabled: script, colorScheme: scheme, baseURL: base,
    bypassCSP: false, storageState: session, extraHTTPHeaders: { "X-Forwarded-For": somebody() },
  });
  context.setDefaultTimeout(30000); // other packages are tested meanwhile, on the same cores
  const page = await context.newPage();
  page.faults = [];
  if (!script) {
    // Each press of a button leads to a page: what is asked next is asked of the
    // whole of it.
    const click = page.click.bind(page);
    page.click = async (...what) => { await click(...what); await page.waitForLoadState(); };
  }
  if (script) {
    await page.exposeFunction("cloisterViolation", (what) => page.faults.push("policy: " + what));
    await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => window.cloisterViolation(e.violatedDirective + " " + e.blockedURI + " " + e.sample)));
  }
  page.on("pageerror", (e) => page.faults.push("error: " + e.message));
  page.on("console", (m) => { if (m.type() === "error" && !expected(page, m.text())) page.faults.push("console: " + m.text()); });
  return page;
}

// expected are the answers that a page asks for: Chromium writes each refused
// form and missing page to the console.
const expected = (page, text) => (page.answers || []).some((code) => text.includes(`status of ${code}`));

// refused says that these statuses are what the test is about.
export const refused = (page, ...codes) => { page.answers = codes; };

// What a theme changes: colours. The other rules need no second run.
const colours = ["color-contrast", "link-in-text-block"];
const everything = { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };

// alike takes out the third and later rows of a table or list that are built as
// others before them, and puts in their place again what it took out before: axe
// would say the same of each, and takes long to say it, of hidden ones too.
const alike = (back) => {
  if (back) { (window.taken || []).forEach(([row, place]) => place.replaceWith(row)); return; }
  const seen = new Map();
  window.taken = [];
  for (const row of document.querySelectorAll("tbody > tr, main ul > li, main ol > li, .choices > label")) {
    const shape = [row, ...row.querySelectorAll("*")].map((el) => `${el.tagName}.${el.getAttribute("class") || ""}`).join(" ");
    seen.set(shape, (seen.get(shape) || 0) + 1);
    if (seen.get(shape) <= 2 || row.contains(document.activeElement)) continue;
    const place = document.createComment("");
    row.replaceWith(place);
    window.taken.push([row, place]);
  }
};

const tools = new WeakMap(); // the debugger's connection to each page

// check runs axe over the page as it stands: every rule in the light theme, and
// in the dark one those of colour. Playwright evaluates it outside of the
// page's policy, which stays in force for the page itself.
export async function check(page) {
  if (!tools.has(page)) tools.set(page, await page.context().newCDPSession(page));
  await tools.get(page).send("Runtime.evaluate", { expression: axe }); // which keeps what it compiled for the next page
  const was = await page.evaluate(() => document.documentElement.dataset.theme);
  const wrong = [];
  await page.evaluate(alike, false);
  // What lies half under the bar at the screen's lower edge scrolls out from
  // under it; that the focus is never there, walk looks at.
  await page.evaluate(() => document.querySelectorAll(".savebar").forEach((bar) => { bar.style.position = "static"; }));
  for (const [theme, only] of [["light", everything], ["dark", { type: "rule", values: colours }]]) {
    const found = await page.evaluate(async ([theme, only]) => {
      document.documentElement.dataset.theme = theme;
      const { violations } = await window.axe.run(document, { runOnly: only, resultTypes: ["violations"], elementRef: false, preload: false });
      return violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")}: ${n.failureSummary.split("\n").slice(1, 3).join(" ")}`));
    }, [theme, only]);
    wrong.push(...found.map((f) => `${theme}: ${f}`));
  }
  await page.evaluate((was) => {
    document.documentElement.dataset.theme = was;
    document.querySelectorAll(".savebar").forEach((bar) => { bar.style.position = ""; });
  }, was);
  await page.evaluate(alike, true);
  return wrong;
}

// overflow tells by how many pixels the page scrolls sideways, which only
// tables may, and by what.
export async function overflow(page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const over = document.documentElement.scrollWidth - width;
    if (over <= 0) return "";
    const wide = [...document.querySelectorAll("body *")].filter((el) => el.getBoundingClientRect().right > width + 1 && !el.closest(".table-wrap, .tabs"));
    const last = wide.filter((el) => !wide.some((other) => other !== el && el.contains(other)));
    return `scrolls ${over} px sideways: ${last.slice(0, 3).map((el) => el.tagName + "." + el.className + " " + el.textContent.trim().slice(0, 40)).join("; ")}`;
  });
}

// inspect is the whole proof of a page as it stands, in both themes.
export async function inspect(page, name) {
  const wrong = (await check(page)).map((f) => `${name} ${f}`);
  const over = await overflow(page);
  if (over) wrong.push(`${name} ${over}`);
  wrong.push(...page.faults.splice(0).map((f) => `${name} ${f}`));
  return wrong;
}

// active says where the focus is.
export const active = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.name || document.activeElement.tagName);

// walk presses Tab through a page and tells where the focus is not seen: off
// the screen, under a bar that stays, or without an outline.
export async function walk(page, steps = 150) {
  const wrong = [], met = new Set();
  await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); });
  for (let i = 0; i < steps; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const el = document.activeElement;
      if (el === document.body) return null;
      const r = el.getBoundingClientRect(), style = getComputedStyle(el);
      const label = el.closest("label") || document.querySelector(`label[for="${el.id}"]`);
      const inside = (low, high, most) => Math.min(Math.max((low + high) / 2, 1), most - 1);
      // In its middle, or for what is larger than the screen near its start.
      const points = [[inside(r.left, r.right, innerWidth), inside(r.top, r.bottom, innerHeight)], [inside(r.left, r.left + 16, innerWidth), inside(r.top, r.top + 16, innerHeight)]];
      const top = document.elementFromPoint(...points[0]);
      const seen = r.bottom > 0 && r.top < innerHeight && r.width > 0 && points.some((p) => {
        const over = document.elementFromPoint(...p);
        return over && (el.contains(over) || over.contains(el) || label?.contains(over));
      });
      window.tabbed ??= new WeakMap();
      const again = window.tabbed.has(el);
      window.tabbed.set(el, true);
      return { what: `${el.tagName} ${el.id || el.textContent.trim().slice(0, 30)}`, seen: Boolean(seen), marked: style.outlineStyle !== "none" || style.boxShadow !== "none", again, over: top ? `${top.tagName}.${top.className}` : "" };
    });
    if (!at || at.again) return met.size > 5 ? wrong : [...wrong, `Tab met only ${met.size} places`];
    met.add(at.what);
    if (!at.seen) wrong.push(`${at.what} has the focus under ${at.over}`);
    if (!at.marked) wrong.push(`${at.what} shows no focus`);
  }
  return wrong;
}
