// Starting Chromium and the rules that hold on every page: no violation of the
// content security policy, no error in the console, no accessibility failure.
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const address = process.env.CLOISTER_URL;
export const screens = join(here, "..", "..", "docs", "screens");
export const sizes = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

export async function launch() {
  if (!address) throw new Error("CLOISTER_URL must be the address of a running server");
  return chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

// open makes a page that remembers what must not happen on it.
export async function open(browser, { size = "wide", script = true, scheme = "light" } = {}) {
  const context = await browser.newContext({
    viewport: sizes[size], isMobile: size === "phone", hasTouch: size === "phone", javaScriptEnabled: script, colorScheme: scheme, baseURL: address, bypassCSP: false,
  });
  const page = await context.newPage();
  const faults = [];
  await page.exposeFunction("cloisterViolation", (what) => faults.push("policy: " + what));
  await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => window.cloisterViolation(e.violatedDirective + " " + e.blockedURI + " " + e.sample)));
  page.on("pageerror", (e) => faults.push("error: " + e.message));
  page.on("console", (m) => { if (m.type() === "error") faults.push("console: " + m.text()); });
  page.faults = faults;
  return page;
}

// check runs axe over the page as it stands. Playwright evaluates it outside of
// the page's policy, which stays in force for the page itself.
export async function check(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  return violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")}: ${n.failureSummary.split("\n").slice(1, 3).join(" ")}`));
}

// overflow tells whether the page scrolls sideways, which only tables may.
export async function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

export async function picture(page, name, whole = false) {
  mkdirSync(screens, { recursive: true });
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: join(screens, name + ".png"), fullPage: whole });
}
