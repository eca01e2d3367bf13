// The prescription builder's own behaviour: what is picked or typed becomes a
// row, rows move and go by keys, and the server says with each change what is
// to be warned of and how many tablets that makes. Without it each of these is
// a button of the form.
"use strict";
(() => {
  const $ = (sel, root = document) => root.querySelector(sel);
  const $$ = (sel, root = document) => [...root.querySelectorAll(sel)];
  const words = $("[data-rx-words]");
  const form = words?.closest("form");
  if (!form) return;
  const medicine = $("#cons-medicine"), test = $("#cons-test");
  const boxes = [medicine, test];
  const isRx = (name) => /^(rx|test)_/.test(name) && name !== "rx_do";
  const sheet = () => {
    const out = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (isRx(name)) out.append(name, value);
    return out;
  };
  const say = (text) => { const live = $("#live"); if (live) live.textContent = text; };

  // One change after another: each is made of the rows as they are then.
  let chain = Promise.resolve(), waiting = 0, submitting = null;
  const act = (what, { text = {}, focus, rows } = {}) => {
    waiting++;
    chain = chain.then(() => run(what, text, focus, rows)).catch(() => say(words.dataset.failed)).finally(() => {
      if (--waiting === 0 && submitting !== null) { const by = submitting; submitting = null; form.requestSubmit(by || undefined); }
    });
    return chain;
  };
  const run = async (what, text, focus, rows) => {
    for (let tries = 0; tries < 3; tries++) {
      const sent = rows || sheet(), body = new URLSearchParams(sent);
      body.set("rx_do", what);
      for (const [name, value] of Object.entries(text)) body.set(name, value);
      const answer = await fetch(form.dataset.rx, { method: "POST", body, credentials: "same-origin", headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(15000) });
      if (!answer.ok) {
        for (const box of boxes) if (text[box.name] && !box.value) box.value = text[box.name];
        say(words.dataset.failed);
        return;
      }
      const html = await answer.text();
      // Somebody typed in a row meanwhile: what they see is newer than the answer.
      if (!rows && sheet().toString() !== sent.toString()) {
        if (what === "review") return;
        continue;
      }
      swap(html, focus);
      return;
    }
  };
  const swap = (html, focus) => {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const at = document.activeElement, id = form.contains(at) ? at.id : "", open = $$(".rx-more", form).map((d) => d.open);
    const place = id && at.matches("input[type=text]") ? [at.selectionStart, at.selectionEnd] : null;
    const before = $$("[data-rx-row]", form).length;
    for (const part of ["[data-rx-rows]", "[data-test-rows]"]) $(part, form).replaceWith(document.importNode($(part, fresh), true));
    $$(".rx-more", form).forEach((d, i) => { if (open[i] && open.length === $$(".rx-more", form).length) d.open = true; });
    const to = document.getElementById(focus || id);
    if (to && to !== document.activeElement) {
      to.focus();
      if (place && !focus) to.setSelectionRange(...place);
    }
    const after = $$("[data-rx-row]", form).length;
    if (after > before) say(words.dataset.added.replace("#", $$("[name=rx_medicine]", form).slice(before).map((i) => i.value).join(", ")));
    label();
    form.dispatchEvent(new Event("input", { bubbles: true }));
  };
  // The main button says what it will do.
  const label = () => {
    const button = $("[data-submit][data-issue]", form), span = button && $("span", button);
    if (span) span.textContent = $("[data-rx-row], .rx-test", form) ? button.dataset.issue : button.dataset.finish;
  };

  // Picked, or typed as it stands.
  $$("input[type=hidden][name=medicine_id], input[type=hidden][name=test_id]", form).forEach((hidden) => hidden.addEventListener("change", () => {
    const what = hidden.value;
    if (!what) return;
    hidden.value = "";
    const box = $("[role=combobox]", hidden.parentElement);
    box.value = "";
    act(what);
  }));
  const addTyped = (box) => {
    const value = box.value.trim();
    if (!value) return;
    box.value = "";
    act("add", { text: { [box.name]: value } });
  };
  form.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && !e.ctrlKey && !e.metaKey && !e.isComposing && e.target.matches("input")) {
      if (!e.defaultPrevented && boxes.includes(e.target)) addTyped(e.target);
      // Enter sends no form; in other fields the draft's script sees to that.
      if (boxes.includes(e.target) || !form.dataset.draft) e.preventDefault();
      return;
    }
    const row = e.target.closest("[data-rx-row]");
    if (!row) return;
    const n = Number(row.dataset.rxRow), last = $$("[data-rx-row]", form).length - 1;
    if (e.altKey && (e.key === "ArrowUp" || e.key === "ArrowDown")) {
      const to = e.key === "ArrowUp" ? n - 1 : n + 1;
      e.preventDefault();
      if (to >= 0 && to <= last) act((to < n ? "up:" : "down:") + n, { focus: e.target.id.replace(/-\d+-/, `-${to}-`) });
    } else if (e.key === "Backspace" && e.target.name === "rx_medicine" && e.target.value === "") {
      e.preventDefault();
      remove(n, e.target.defaultValue);
    }
  });

  // A row that was removed comes back by Undo.
  const remove = (n, name) => {
    const was = sheet();
    if (name) {
      // What was emptied on the way comes back with its name.
      const names = was.getAll("rx_medicine");
      names[n] = names[n] || name;
      was.delete("rx_medicine");
      names.forEach((x) => was.append("rx_medicine", x));
    }
    act("remove:" + n, { focus: "cons-medicine", rows: was });
    const toast = document.createElement("div"), text = document.createElement("span"), undo = document.createElement("button");
    toast.className = "toast"; toast.setAttribute("role", "status");
    text.textContent = words.dataset.removed;
    undo.className = "link"; undo.type = "button"; undo.textContent = words.dataset.undo;
    undo.addEventListener("click", () => { toast.remove(); act("review", { rows: was, focus: "cons-medicine" }); });
    toast.append(text, undo);
    const place = $("#toasts");
    if (!place) return;
    place.replaceChildren(toast);
    setTimeout(() => { if (!toast.matches(":hover, :focus-within")) toast.remove(); }, 6000);
  };
  form.addEventListener("click", (e) => {
    const button = e.target.closest("[data-rx-do]");
    if (!button) return;
    e.preventDefault();
    if (button.value.startsWith("remove:")) { remove(Number(button.value.slice(7))); return; }
    if (button.value === "add") { boxes.forEach(addTyped); return; }
    act(button.value, { focus: button.value.startsWith("untest") ? "cons-test" : undefined });
  });
  form.addEventListener("change", (e) => { if (isRx(e.target.name || "") && e.target.closest("[data-rx-row]")) act("review"); });

  // Issuing waits for the rows that are on their way.
  addEventListener("submit", (e) => {
    if (e.target !== form || waiting === 0) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    submitting = e.submitter || false;
  }, true);
  label();
})();
