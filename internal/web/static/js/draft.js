// The consultation's own behaviour: what is typed is kept on the server two
// seconds later and whenever a field is left, diagnoses are added and taken
// away, vitals out of range are marked. Without it the page is a form with a
// button that saves the draft.
"use strict";
(() => {
  const $ = (sel, root = document) => root.querySelector(sel);
  const $$ = (sel, root = document) => [...root.querySelectorAll(sel)];

  // Vitals: marked while somebody types, never refused.
  const grid = $("[data-vitals]");
  const numbers = (text) => text.split("-").map(Number);
  const outside = (value, [low, high]) => (value < low ? "low" : value > high ? "high" : "");
  const judge = (input) => {
    const ranges = input.dataset.ranges.split(" ").map(numbers);
    const text = input.value.trim().replace(",", ".");
    const parts = text.split("/").map((part) => parseFloat(part));
    if (!text || parts.some(Number.isNaN)) return "";
    if (input.name === "bp") {
      const both = parts.slice(0, 2).map((value, i) => outside(value, ranges[i]));
      return parts.length < 2 ? "" : both.includes("high") ? "high" : both.find(Boolean) || "";
    }
    let range = ranges[0];
    if (input.name === "temp" && parts[0] < 50) range = ranges[1];
    if (input.name === "sugar" && $("[name=sugar_kind]").value === "fasting") range = ranges[1];
    return outside(parts[0], range);
  };
  const mark = (input) => {
    const flag = judge(input), shown = document.getElementById(input.id + "-flag");
    input.closest(".vital").classList.toggle("is-out", flag !== "");
    $("span", shown).textContent = flag ? grid.dataset[flag] : "";
    shown.hidden = !flag;
  };
  if (grid) {
    const bmi = $("[data-bmi]");
    grid.addEventListener("input", () => {
      $$("[data-ranges]", grid).forEach(mark);
      if (!bmi) return;
      const read = (name) => parseFloat($(`[name=${name}]`).value.replace(",", "."));
      const value = read("weight") / (read("height") / 100) ** 2;
      $("[data-bmi-text]").textContent = value > 5 && value < 200 ? bmi.dataset.bmi.replace("#", value.toFixed(1)) : "";
    });
  }

  const form = $("form[data-draft]");
  if (!form) return;
  const version = $("[name=draft]", form), once = $("[name=_once]", form), state = $("[data-draft-state]", form), bar = $("[data-unsaved]", form);
  const retry = $("[data-retry]", form), signIn = $("[data-sign-in]", form), compare = $("[data-compare]", form);
  // What is compared is what is typed: neither the form's key nor its version.
  const typed = (of = form) => {
    const data = new FormData(of);
    data.delete("_once"); data.delete("draft"); data.delete("diagnosis_id");
    return new URLSearchParams(data).toString();
  };
  // What the server wrote, and not what stands there: on a slow line somebody may
  // have typed before this script came.
  const written = form.cloneNode(true);
  written.reset();
  let kept = typed(written), since = form.dataset.since, timer, running = false, again = false, told = false, leaving = false;

  const clear = () => { bar.hidden = true; told = false; };
  const warn = (text, { ended = false, other = false } = {}) => {
    told = other;
    $("[data-unsaved-text]", form).textContent = text.replace("#", since);
    retry.hidden = other; signIn.hidden = !ended; compare.hidden = !other;
    bar.hidden = false;
    state.textContent = "";
    clearTimeout(timer);
    if (!other) timer = setTimeout(save, 15000);
  };
  const save = async () => {
    clearTimeout(timer);
    const text = typed();
    // What is being sent needs no draft.
    if (text === kept || told || leaving || form.getAttribute("aria-busy") === "true") return;
    if (running) { again = true; return; }
    running = true;
    if (bar.hidden) state.textContent = form.dataset.saving;
    try {
      const body = new URLSearchParams(text);
      body.set("draft", version.value);
      body.set("_once", once.value);
      const answer = await fetch(form.dataset.draft, { method: "POST", body, credentials: "same-origin", headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(15000), keepalive: text.length < 60000 });
      if (answer.ok) {
        const said = await answer.json();
        version.value = said.version; kept = text; since = said.since;
        state.textContent = said.text;
        clear();
        // Who types is not idle: the warning of the session's end begins anew.
        document.dispatchEvent(new CustomEvent("htmx:after:request"));
      } else if (answer.status === 409) warn(form.dataset.other, { other: true });
      else warn(form.dataset[answer.status === 401 ? "ended" : "failed"], { ended: answer.status === 401 });
    } catch { warn(form.dataset.failed); }
    running = false;
    if (finishing !== null) finish();
    else if (again) { again = false; save(); }
  };
  // What is finished waits a moment for the draft that is on its way: the other
  // way round the draft would come to a consultation that is over.
  let finishing = null, patience;
  const finish = () => {
    const by = finishing;
    clearTimeout(patience);
    finishing = null; again = false;
    form.requestSubmit(by || undefined);
  };
  addEventListener("submit", (e) => {
    if (e.target !== form || !running) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    if (finishing === null) patience = setTimeout(() => { running = false; finish(); }, 3000);
    finishing = e.submitter || false;
  }, true);
  const soon = () => { if (!bar.hidden) return; clearTimeout(timer); timer = setTimeout(save, 2000); };
  if (typed() !== kept) soon();
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  form.addEventListener("focusout", (e) => { if (!e.target.matches("[role=combobox]")) save(); });
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") save(); });
  addEventListener("online", save);
  retry.addEventListener("click", save);
  addEventListener("beforeunload", (e) => { if (!leaving && typed() !== kept) e.preventDefault(); });
  document.addEventListener("submit", () => { leaving = true; setTimeout(() => { leaving = false; }, 3000); });
  document.addEventListener("keydown", (e) => {
    if ((e.ctrlKey || e.metaKey) && !e.altKey && e.key.toLowerCase() === "s") { e.preventDefault(); kept = kept === typed() ? "" : kept; save(); }
  });
  $("[data-save]", form).addEventListener("click", (e) => { if (told) return; e.preventDefault(); kept = kept === typed() ? "" : kept; save(); });

  // Diagnoses: an option, or what is typed as it stands, becomes a line.
  const list = $("[data-dx-list]", form), box = $("#cons-diagnosis"), code = $("[name=diagnosis_id]", form);
  const add = (of, title) => {
    if (!title || $$(".dx", list).some((row) => $("[name=dx_code]", row).value === of && $("[name=dx_title]", row).value === title)) { box.value = ""; return; }
    const row = $("[data-dx-row]", form).content.firstElementChild.cloneNode(true);
    $("[name=dx_code]", row).value = of; $("[name=dx_title]", row).value = title;
    $("[data-dx-code]", row).textContent = of; $("[data-dx-title]", row).textContent = title; $("[data-dx-spoken]", row).textContent = title;
    const note = $("[name=dx_note]", row);
    note.setAttribute("aria-label", note.placeholder + ": " + title);
    list.append(row);
    box.value = ""; code.value = "";
    const live = $("#live");
    if (live) live.textContent = `${of} ${title}`;
    soon();
  };
  code.addEventListener("change", () => { if (code.value) add(code.value, box.value); });
  form.addEventListener("keydown", (e) => {
    if (e.key !== "Enter" || e.ctrlKey || e.metaKey || e.isComposing) return;
    if (e.target === box && !e.defaultPrevented && box.value.trim()) add("", box.value.trim());
    // Enter in a field sends no form: it would finish or reload a half-written page.
    if (e.target.matches("input")) e.preventDefault();
  });
  list.addEventListener("click", (e) => {
    const button = e.target.closest("[data-dx-remove]");
    if (!button) return;
    e.preventDefault();
    button.closest(".dx").remove();
    box.focus();
    soon();
  });
})();
