// The waiting room's screen speaks: each call once, in the clinic's language,
// and only after a touch where the browser wants one.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, open } from "./browser.mjs";
import { family, phone, register, screenLink, signIn } from "./people.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

// mute puts a voice in the screen's place that notes what it was to say. Its
// loudspeaker is Chromium's own, with Chromium's own rule about touches.
const mute = (page) => page.addInitScript(() => {
  window.heard = [];
  window.tones = 0;
  window.swaps = 0;
  document.addEventListener("htmx:sse:after:message", () => window.swaps++);
  Object.defineProperty(window, "speechSynthesis", { value: { getVoices: () => [], speak: (u) => window.heard.push(u.lang + ": " + u.text) } });
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...at) { window.tones++; return start.apply(this, at); };
});
const heard = (page) => page.evaluate(() => window.heard);

const call = async (page, name) => {
  const row = page.locator("tr[data-row]", { hasText: name });
  await row.locator("[data-call]").click();
  await row.locator(".badge").waitFor();
};

for (const { at, desk, word, room, lang } of [
  { at: "northside", desk: "northside/sunil", word: "Token", room: "Room", lang: "en" },
  { at: "southside", desk: "southside/pooja", word: "टोकन", room: "कमरा", lang: "hi" },
]) {
  test(`calls at ${at} are spoken once, in ${lang}`, async () => {
    const session = await signIn(desk);
    const front = await open(browser, { session });
    const tv = await open(browser);
    await mute(tv);
    await tv.goto(await screenLink(session, "/clinic/" + at));
    const names = ["Usha", "Vimal", "Yamuna"].map((n) => `${n} ${family}`);
    const tokens = [];
    await front.goto(`/clinic/${at}/queue`);
    for (const name of names) {
      await register(front, name);
      const done = front.locator("#register .notice-done", { hasText: name });
      await done.waitFor();
      tokens.push((await done.textContent()).match(/[A-Z]-\d{3}/)[0]);
    }
    const shown = (token) => tv.locator(`[data-called="${token}"]`).waitFor();

    // Nobody touched the screen: it shows and is silent, and offers its sound.
    await front.goto(`/clinic/${at}/queue`);
    await call(front, names[0]);
    await shown(tokens[0]);
    assert.deepEqual(await heard(tv), []);
    assert.equal(await tv.evaluate(() => window.tones), 0);
    await tv.click("[data-sound]");
    await tv.locator("[data-sound]").waitFor({ state: "hidden" });
    await tv.waitForTimeout(100);
    assert.equal(await tv.evaluate(() => window.tones), 2, "a chime says that it is on");
    assert.deepEqual(await heard(tv), [], "a call that was over is not told late");

    await call(front, names[1]);
    await shown(tokens[1]);
    const [prefix, number] = tokens[1].split("-");
    const first = await heard(tv);
    assert.equal(first.length, 1);
    assert.match(first[0], new RegExp(`^${lang}-IN: .*${word}.*${prefix} ${Number(number)}\\b.*${room} \\d`));
    assert.equal(await tv.evaluate(() => window.tones), 4, "two tones before the words");

    // Another change draws the same card again and says nothing; the next call speaks.
    const swaps = await tv.evaluate(() => window.swaps);
    await register(front, `Zeenat ${family} ${phone().slice(-1)}`);
    while (await tv.evaluate(() => window.swaps) === swaps) await tv.waitForTimeout(20);
    assert.equal((await heard(tv)).length, 1, "a call is spoken once");
    assert.equal(await tv.locator(`[data-called="${tokens[1]}"]`).count(), 1);
    await call(front, names[2]);
    await shown(tokens[2]);
    const all = await heard(tv);
    assert.equal(all.length, 2, all.join(" | "));
    assert.ok(all[1].includes(`${tokens[2].split("-")[0]} ${Number(tokens[2].split("-")[1])}`));
    assert.deepEqual([...tv.faults, ...front.faults], []);
    await front.context().close();
    await tv.context().close();
  });
}
