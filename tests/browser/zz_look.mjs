import { launch, open, inspect } from "./browser.mjs";
import { clinic, signIn } from "./people.mjs";
const b = await launch();
const desk = await signIn(b, "northside/sunil"), doc = await signIn(b, "northside/meera"), hi = await signIn(b, "southside/pooja");
const day = process.env.DAY;
const shots = [
  ["day", desk, clinic + "/appointments", "wide", "light"],
  ["day-phone", desk, clinic + "/appointments", "phone", "light"],
  ["day-dark", desk, clinic + "/appointments", "wide", "dark"],
  ["week", doc, clinic + "/appointments/week", "wide", "light"],
  ["new", desk, clinic + "/appointments/new", "wide", "light"],
  ["new-phone", desk, clinic + "/appointments/new", "phone", "dark"],
  ["due", desk, clinic + "/follow-ups", "wide", "light"],
  ["due-phone", desk, clinic + "/follow-ups", "phone", "light"],
  ["day-hi", hi, "/clinic/southside/appointments", "wide", "light"],
];
for (const [name, session, path, size, scheme] of shots) {
  const page = await open(b, { session, size, scheme });
  await page.goto(path);
  if (scheme === "dark") await page.evaluate(() => { document.documentElement.dataset.theme = "dark"; });
  await page.screenshot({ path: `/tmp/look-${name}.png`, fullPage: true });
  const wrong = await inspect(page, name);
  console.log(name, await page.evaluate(() => document.querySelectorAll("*").length), wrong.join("\n"));
  if (name === "week") {
    const href = await page.getAttribute(".page-head a[href*='/schedule/']", "href");
    await page.goto(href); await page.screenshot({ path: "/tmp/look-schedule.png" });
    console.log("schedule", (await inspect(page, "schedule")).join("\n"));
  }
  if (name.startsWith("day") && name !== "day-hi") {
    const a = page.locator(".slot-taken .name").last();
    if (await a.count()) { await a.click(); await page.waitForURL(/appointments\/[0-9a-f-]{36}/);
      await page.screenshot({ path: `/tmp/look-one-${name}.png` }); console.log("one", (await inspect(page, "one")).join("\n"));
      const m = page.locator("a[href$='/move']"); if (await m.count()) { await m.click(); await page.waitForURL(/move/); await page.screenshot({ path: `/tmp/look-move-${name}.png` }); console.log("move", (await inspect(page, "move")).join("\n")); } }
  }
  await page.context().close();
}
await b.close();
