// Every screen of the service as its people meet it, also in error, empty and
// open states: in both themes and two widths free of accessibility failures,
// policy violations, console errors and sideways scrolling; within the budgets
// for size; and with no link that leads nowhere.
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { after, before, describe, test } from "node:test";
import { address, inspect, launch, open, overflow, refused, walk } from "./browser.mjs";
import { clinic, screenLink, signIn } from "./people.mjs";

let browser, screen;
const sessions = {};
before(async () => {
  browser = await launch();
  const people = { desk: "northside/kavita", doctor: "northside/sameer", admin: "northside/admin", operator: "platform", hindi: "southside/pooja", lab: "northside/mahesh" };
  for (const [as, who] of Object.entries(people)) sessions[as] = await signIn(who);
  screen = await screenLink(sessions.desk);
});
after(async () => { await browser?.close(); });

// linked is where such a link of a page leads, and what lies beyond. It is looked
// up once for each visitor: the way there is a screen of its own.
const met = new Map();
const linked = (from, selector, beyond = "", nth = 0) => async (page, who) => {
  const key = [who, from, selector].join(" ");
  if (!met.has(key)) {
    await page.goto(root[who] + from);
    met.set(key, await page.locator(selector).nth(nth).evaluate((a) => a.pathname + a.search));
  }
  return beyond ? met.get(key).split("?")[0] + beyond : met.get(key);
};
const patient = (beyond, from = "/patients") => linked(from, ".table [data-open]", beyond);
const visit = (beyond) => linked("/queue", "td.act a", beyond);
const booked = (beyond) => linked("/follow-ups", "main a[href*='/appointments/']:not([href*='/new'], [href*='/week'])", beyond, -1);
const send = (fields, form = "main form[method=post]") => async (page) => {
  refused(page, 401, 409, 422);
  for (const [name, value] of Object.entries(fields)) await page.fill(`${form} [name=${name}]`, value);
  await page.locator(`${form} [data-submit], ${form} button[type=submit]`).last().click();
  await page.locator(".error-summary").first().waitFor();
};
const missing = (page) => refused(page, 403, 404, 410);
// inside goes on with the patient who is in the room, or brings in the next.
const inside = async (page) => {
  await page.locator("form[action$='/consultation/begin'] button:visible").first().click();
  await page.waitForURL(/\/consultation$/);
};

// screens of one visitor: a name, where it is or what finds that out, and what is
// done there first.
// What must be said before the page opens stands in early.
const screens = {
  nobody: [
    ["home", "/"], ["home-found", "/?q=pune"], ["sign-in", clinic + "/login"],
    ["sign-in refused", clinic + "/login", send({ username: "nobody", password: "wrong-password-1" })],
    ["forgot", clinic + "/forgot"], ["operator sign-in", "/platform/login"], ["not found", "/nowhere", null, missing], ["no such clinic", "/clinic/nowhere/login", null, missing],
    ["link that is over", clinic + "/password/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ", null, missing],
  ],
  desk: [
    ["queue", "/queue"], ["queue, no slip to print", "/slips/last"], ["queue, of one state", "/queue?state=done"], ["queue, nothing matches", "/queue?state=cancelled&doctor=00000000-0000-0000-0000-000000000000"],
    ["register", "/register"], ["register refused", "/register", send({ phone: "98", name: "" })],
    ["search", "/queue", async (page) => {
      await page.evaluate(() => document.activeElement.blur()); // in a field a slash is a letter
      await page.keyboard.press("/");
      await page.keyboard.type("kulkarni");
      await page.locator("#patient-search-list [role=option]").first().waitFor();
      await page.keyboard.press("ArrowDown");
    }],
    ["help", "/queue", (page) => page.keyboard.press("?")],
    ["patients", "/patients"], ["patients, one found", "/patients?q=ramesh"], ["patients, none", "/patients?q=qqqqqqq"], ["patients, second page", linked("/patients", ".pager a")],
    ["patient", patient()], ["patient edited", patient("/edit")],
    ["edit refused", patient("/edit"), send({ phone: "98", pin: "1" })],
    ["files", patient("/documents")],
    ["files refused", patient("/documents"), send({ title: "" }, "#document-form")],
    ["new patient", "/patients/new"], ["merge", patient("/merge")],
    ["merge compared", "/patients", async (page) => {
      const [one, two] = await page.$$eval(".table [data-open]", (all) => all.slice(0, 2).map((a) => a.pathname));
      await page.goto(`${one}/merge?other_id=${two.split("/").pop()}`);
    }],
    ["check-in", linked("/patients", "td.act a[href$='/check-in']")],
    ["appointments", "/appointments"], ["appointments of a week", "/appointments/week"], ["appointment", booked()],
    ["appointment moved", booked("/move")],
    ["book", "/appointments/new"], ["book refused", "/appointments/new", send({ purpose: "Cough" })], ["follow-ups due", "/follow-ups"],
    ["visit", visit()], ["slip", visit("/slip")], ["slip, narrow", visit("/slip"), (page) => page.locator(".actions a").nth(1).click()],
    ["a patient's own link", visit("/slip"), async (page) => page.goto((await page.getAttribute(".slip-qr", "src")).replace("/qr.png", ""))],
    ["visits", "/visits"], ["visits of a year", "/visits?from=01/01/2026&to=31/12/2026&q=ramesh"], ["visits refused", "/visits?from=99/99/2026", null, (page) => refused(page, 422)],
    ["displays", "/displays"], ["displays refused", "/displays", send({ name: "" }, "main form:has([name=lines])")],
    ["account", "/account"], ["sessions", "/account/sessions"], ["forbidden", "/settings", null, missing], ["not found inside", "/nowhere", null, missing],
  ],
  doctor: [
    ["my queue", "/my-queue"], ["queue of a doctor", "/queue"], ["medical edit", patient("/edit")],
    ["the own week", "/appointments/week"], ["hours and leave", linked("/appointments/week", ".page-head a[href*='/schedule/']")],
    ["hours refused", linked("/appointments/week", ".page-head a[href*='/schedule/']"), send({ hours_mon: "9 to 5" }, "main form:has([name=hours_mon])")],
    ["consultation", "/my-queue", inside], ["past visits", patient("/history")],
    ["what was found", linked("/my-queue", "td.act a[href*='/visits/']", "/consultation")],
  ],
  admin: [
    ["dashboard", "/dashboard"], ["staff", "/staff"], ["invite", "/staff/invite"], ["invite refused", "/staff/invite", send({ name: "" })], ["member of staff", linked("/staff", "td.act a")],
    ["settings", "/settings"], ["settings: work", "/settings/work"], ["settings: hours", "/settings/hours"], ["settings: departments", "/settings/departments"], ["settings: branding", "/settings/branding"],
    ["patient with its readers", patient()],
    ["medicines", "/formulary"], ["medicines, none", "/formulary?q=qqqqqq"], ["medicine", linked("/formulary", ".table [data-open]")], ["medicine refused", "/formulary/new", send({ dose: "seldom" })],
    ["tests of the clinic", "/catalogue"], ["test refused", "/catalogue/new", send({ name: "" })],
  ],
  lab: [["patients, before a search", "/patients"], ["patients for the lab", "/patients?q=kulkarni"], ["files for the lab", patient("", "/patients?q=kulkarni")]],
  operator: [["clinics", "/platform/clinics"], ["isolation", "/platform/isolation"], ["versions", "/platform/versions"]],
  screen: [["display", ""]],
  hindi: [["queue in Hindi", "/queue"], ["patients in Hindi", "/patients"], ["visits in Hindi", "/visits"], ["appointments in Hindi", "/appointments"], ["follow-ups in Hindi", "/follow-ups"], ["book in Hindi", "/appointments/new"]],
};
const root = { nobody: "", desk: clinic, doctor: clinic, admin: clinic, lab: clinic, operator: "", hindi: "/clinic/southside" };

// tour opens each screen of a visitor and hands the page over.
async function tour(who, size, see) {
  const page = await open(browser, { size, session: sessions[who] });
  for (const [name, path, act, early] of screens[who]) {
    page.answers = [];
    await early?.(page);
    let at = who === "screen" ? screen : root[who] + path;
    try {
      if (typeof path === "function") at = await path(page, who);
      await page.goto(at);
      await act?.(page);
    } catch (e) {
      throw new Error(`${name} (${at}): ${e.message}`, { cause: e });
    }
    await see(page, `${name} at ${size}:`);
  }
  await page.context().close();
}

// What the tours find on their way and later tests look at.
const links = new Map(); // one of each kind: ids and queries don't count
const budgets = [];
const zip = (text) => gzipSync(text, { level: 9 }).length / 1024;

async function weigh(page, name) {
  const nodes = await page.evaluate(() => document.querySelectorAll("*").length);
  const html = zip(await page.content());
  if (nodes > 1500) budgets.push(`${name} ${nodes} nodes`);
  if (html > 50) budgets.push(`${name} ${html.toFixed(1)} KB of HTML`);
}

async function collect(page, who, name) {
  for (const href of await page.$$eval("a[href]:not([href^='#'])", (all) => all.map((a) => a.href))) {
    if (!href.startsWith(address)) continue; // a message on WhatsApp or by SMS
    const kind = who + new URL(href).pathname.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID");
    if (!links.has(kind)) links.set(kind, { who, href, name });
  }
}

describe("screens", { concurrency: 2 }, () => {
  for (const who of Object.keys(screens)) {
    for (const size of ["wide", "phone"]) {
      test(`${who} at ${size}`, async () => {
        const wrong = [];
        await tour(who, size, async (page, name) => {
          wrong.push(...await inspect(page, name));
          if (!(await page.title()).trim()) wrong.push(name + " has no title");
          if (size === "wide") {
            await weigh(page, name);
            await collect(page, who, name);
          }
        });
        assert.deepEqual(wrong, []);
      });
    }
  }
});

describe("all screens together", { concurrency: 2 }, () => {
  test("keep their budgets", async () => {
    assert.deepEqual(budgets, []);
    // A first visit of the heaviest screen, with nothing in the cache.
    const page = await open(browser, { session: sessions.desk });
    const got = [];
    page.on("response", (r) => got.push(r));
    await page.goto(clinic + "/queue", { waitUntil: "load" });
    await page.waitForTimeout(300);
    const sum = async (type) => {
      let kb = 0;
      for (const r of got.filter((r) => r.request().resourceType() === type)) kb += zip(await r.body());
      return kb;
    };
    const [js, css] = [await sum("script"), await sum("stylesheet")];
    console.log(`the queue: ${got.length} requests, ${js.toFixed(1)} KB of script, ${css.toFixed(1)} KB of styles, compressed`);
    assert.ok(js > 0 && js <= 30, `${js} KB of script`);
    assert.ok(css > 0 && css <= 20, `${css} KB of styles`);
    assert.ok(got.length <= 12, `${got.length} requests: ${got.map((r) => r.url()).join(" ")}`);
    await page.context().close();
  });

  test("have no link that leads nowhere", async () => {
    assert.ok(links.size > 40, `${links.size} links`);
    const wrong = [], pages = {};
    for (const { who, href, name } of links.values()) {
      pages[who] ??= await open(browser, { session: sessions[who] });
      const answer = await pages[who].request.get(href, { headers: { Accept: "text/html" } });
      if (answer.status() >= 400) wrong.push(`${name} ${href} answers ${answer.status()}`);
    }
    for (const page of Object.values(pages)) await page.context().close();
    assert.deepEqual(wrong, []);
  });

  for (const size of ["wide", "phone"]) {
    test(`can be walked by Tab with the focus in sight at ${size}`, async () => {
      const wrong = [];
      const page = await open(browser, { size, session: sessions.desk });
      for (const path of ["/queue", "/patients/new", "/visits", "/displays"]) {
        await page.goto(clinic + path);
        wrong.push(...(await walk(page)).map((w) => `${path} at ${size}: ${w}`));
      }
      await page.context().close();
      assert.deepEqual(wrong, []);
    });
  }

  // Who sets letters twice as large in the browser gets the arrangement of a
  // narrower screen, with no name cut off.
  test("can be read with letters twice as large", async () => {
    const large = await launch("--blink-settings=defaultFontSize=32");
    const page = await open(large, { session: sessions.desk });
    const wrong = [];
    for (const path of ["/queue", "/patients", "/register", "/appointments/week", "/check-in"]) {
      await page.goto(clinic + path);
      const over = await overflow(page);
      if (over) wrong.push(`${path} ${over}`);
      const cut = await page.$$eval(".whom, .topbar-name, .nav a, .btn", (all) => all.filter((el) => el.offsetParent && el.scrollWidth > el.clientWidth + 1).map((el) => el.textContent.trim()));
      if (cut.length) wrong.push(`${path} cuts off ${cut.slice(0, 3).join("; ")}`);
    }
    await large.close();
    assert.deepEqual(wrong, []);
  });
});
