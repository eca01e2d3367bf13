// The pages' own behaviour on top of htmx: keyboard, focus after swaps,
// comboboxes, the queue's live rows, the waiting-room display, guards against
// double and lost saves. Every page works without it.
"use strict";
(() => {
  const $ = (sel, root = document) => root.querySelector(sel);
  const $$ = (sel, root = document) => [...root.querySelectorAll(sel)];
  const root = document.documentElement;
  const typing = (el) => el && (el.matches("input:not([type=radio],[type=checkbox],[type=submit]),select,textarea") || el.isContentEditable);
  const singleKeys = () => root.dataset.keys !== "off";
  const say = (text) => { const live = $("#live"); if (live) live.textContent = text; };

  // Keyboard. Single letters only outside inputs, and never when switched off.
  let going = 0;
  // Typing goes on behind what a field holds, such as a phone's country code.
  const enter = (el) => {
    el.focus();
    if (el.matches("input[type=text]")) el.setSelectionRange(el.value.length, el.value.length);
  };
  const press = (el) => {
    const on = el.dataset.focusOn && $(el.dataset.focusOn);
    if (on && on.offsetParent) enter(on);
    else if (el.matches("input,select,textarea")) { el.focus(); if (el.select) el.select(); }
    else el.click();
  };
  const hot = (name) => $$(`[data-hot="${CSS.escape(name)}"]`).reverse().find((el) => el.offsetParent !== null);

  const sequence = (key) => {
    if (Date.now() - going > 1500) return false;
    going = 0;
    const link = $(`[data-go="g ${CSS.escape(key)}"]`);
    if (link) link.click();
    return !!link;
  };

  document.addEventListener("keydown", (e) => {
    if (e.defaultPrevented || e.isComposing) return;
    const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    if (key === "Enter" && (e.ctrlKey || e.metaKey)) {
      const form = e.target.closest?.("form[data-main]") || $("form[data-main]");
      if (form) { e.preventDefault(); form.requestSubmit($("[data-submit]", form) || $("button[type=submit]:last-of-type", form)); }
      return;
    }
    if (e.altKey && !e.ctrlKey && !e.metaKey) {
      const el = hot("alt+" + key);
      if (el) { e.preventDefault(); press(el); }
      return;
    }
    if (e.ctrlKey || e.metaKey) return;
    if (key === "Escape") { closeOpen(e.target); return; }
    if (e.target.matches?.("input[type=radio][data-letter]") && /^[a-z]$/.test(key)) {
      const box = $$("input[type=radio]", e.target.closest("fieldset")).find((r) => r.value[0] === key);
      if (box) { e.preventDefault(); box.focus(); box.click(); return; }
    }
    if (typing(e.target) || document.querySelector("dialog[open]")) return;
    if (rowKey(e, key)) return;
    if (!singleKeys()) return;
    if (sequence(key)) { e.preventDefault(); return; }
    if (key === "g") { going = Date.now(); return; }
    if (key === "?") { e.preventDefault(); open($("#keys-help")); return; }
    const el = hot(key);
    if (el) { e.preventDefault(); press(el); }
  });

  const open = (dialog) => { if (dialog && !dialog.open) dialog.showModal(); };
  const closeOpen = (target) => {
    const menu = target.closest?.("details[open]") || $(".menu[open]");
    if (menu) { menu.open = false; $("summary", menu).focus(); }
    else if (target.matches?.("[data-hot='/']")) target.blur();
  };

  // Rows of a table: arrows or j and k move, Enter opens, c calls.
  const rowKey = (e, key) => {
    const wrap = e.target.closest?.("[data-rows]");
    if (!wrap || e.target.closest("a,button,form")) return false;
    const rows = $$("tr[data-row]", wrap);
    const at = rows.indexOf(e.target.closest("tr[data-row]"));
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[key];
    if (step && (key.length > 1 || singleKeys())) {
      const row = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
      if (row) { e.preventDefault(); row.focus(); }
      return true;
    }
    if (at < 0) return false;
    const act = key === "Enter" ? $("[data-enter]", rows[at]) || $("[data-open]", rows[at]) : key === "c" && singleKeys() ? $("[data-call]", rows[at]) : null;
    if (act) { e.preventDefault(); act.click(); return true; }
    return false;
  };

  // A click anywhere on a row opens it, unless it meant something else.
  document.addEventListener("click", (e) => {
    const row = e.target.closest("tr[data-row]");
    if (row && !e.target.closest("a,button,input,form") && !getSelection().toString()) $("[data-open]", row)?.click();
    if (!e.target.closest(".menu")) $$(".menu[open]").forEach((m) => { m.open = false; });
    const link = e.target.closest(".error-summary a");
    if (link) { e.preventDefault(); const field = $(link.hash); if (field) enter(field); }
    const opener = e.target.closest("[data-dialog]");
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    if (dialog) { e.preventDefault(); open(dialog); $("[data-focus]", dialog)?.focus(); }
    const close = e.target.closest("dialog [data-close]");
    if (close) { e.preventDefault(); close.closest("dialog").close(); }
    const print = e.target.closest("[data-print]");
    if (print) { e.preventDefault(); printSlip(print); }
    if (e.target.closest("[data-print-button]")) window.print();
    if (e.target.closest("[data-stay]")) fetch(location.href, { method: "HEAD", credentials: "same-origin" }).then(armDeadline);
    if (e.target.closest("[data-updates]")) refreshBoard(true);
  });

  // A slip stands hidden in the page it was issued on and prints from there, so
  // that the desk keeps its page and its focus; else its own page opens.
  const printSlip = (link) => {
    if (!$("[data-slip]")) { if (link) location.assign(link.href); return; }
    root.dataset.print = "slip";
    window.print();
    delete root.dataset.print;
  };

  // A form that may be sent twice and counts once waits for a service that does
  // not answer: what was typed stays on the page, is said to be unsent, and goes
  // once the service is back. Who types on meanwhile sends it by hand.
  const unsent = $("#unsent");
  let waiting = [], knocking; // several forms of a page may wait, the oldest first
  const cleared = new WeakSet(); // forms whose service answered just now
  const reachable = () => fetch("/readyz", { cache: "no-store", signal: AbortSignal.timeout(4000) }).then((answer) => answer.ok, () => false);
  // What is no longer on the page, such as a row of the board, has nothing to send.
  const still = () => {
    waiting = waiting.filter((held) => held.form.isConnected);
    unsent.hidden = waiting.length === 0;
    if (waiting.length) $("[data-unsent-text]", unsent).textContent = unsent.dataset.text.replace("#", waiting[0].since);
    return waiting.length > 0;
  };
  const send = (form, by) => {
    waiting = waiting.filter((held) => held.form !== form);
    still();
    form.removeAttribute("hx-morph-skip");
    form.removeAttribute("aria-busy");
    cleared.add(form);
    // The board may have drawn its row anew meanwhile: what was pressed still counts.
    if (!form.isConnected) { form.hidden = true; document.body.append(form); }
    form.requestSubmit(by?.isConnected ? by : undefined);
  };
  const later = () => { clearTimeout(knocking); knocking = setTimeout(knock, 5000); };
  const hold = (form, by) => {
    form.removeAttribute("aria-busy");
    form.setAttribute("hx-morph-skip", ""); // a refresh of the board leaves it as it was pressed
    if (!waiting.some((held) => held.form === form)) waiting.push({ form, by, since: new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }) });
    still();
    later();
  };
  const knock = async (byHand) => {
    clearTimeout(knocking);
    if (!still()) return;
    if (!await reachable()) { still(); later(); return; }
    if (!still()) return;
    const due = waiting.filter((held) => byHand || !held.changed);
    // What leads to another page goes last, when nothing else waits.
    const [leads, stays] = [due.filter((held) => !held.form.hasAttribute("hx-post")), due.filter((held) => held.form.hasAttribute("hx-post"))];
    stays.forEach((held) => send(held.form, held.by));
    if (leads.length && (byHand || waiting.length === leads.length)) send(leads[0].form, leads[0].by);
    if (waiting.length) $("[data-unsent-text]", unsent).textContent = unsent.dataset.back;
  };
  if (unsent) {
    document.addEventListener("submit", (e) => {
      const form = e.target;
      if (form.method !== "post" || !$("[name=_once]", form) || form.hasAttribute("hx-post") || cleared.delete(form)) return;
      e.preventDefault(); e.stopImmediatePropagation();
      if (form.getAttribute("aria-busy") === "true") return;
      form.setAttribute("aria-busy", "true");
      const by = e.submitter;
      reachable().then((answers) => (answers ? send : hold)(form, by));
    }, true);
    document.addEventListener("input", (e) => { const held = waiting.find((h) => h.form === e.target.form); if (held) held.changed = true; });
    document.addEventListener("htmx:error", (e) => {
      const { sourceElement: form, request } = e.detail?.ctx || {};
      if (form?.matches?.("form[hx-post]") && $("[name=_once]", form)) hold(form, request.submitter);
    });
    $("[data-unsent-send]", unsent).addEventListener("click", () => knock(true));
    addEventListener("online", () => knock());
    addEventListener("beforeunload", (e) => { if (waiting.some((held) => held.form.isConnected)) e.preventDefault(); });
  }

  // Forms: one submit at a time, and a warning before typed text is lost.
  const dirty = new WeakSet();
  document.addEventListener("input", (e) => { const f = e.target.form; if (f?.matches("[data-guard]")) dirty.add(f); });
  document.addEventListener("submit", (e) => {
    const form = e.target;
    if (form.matches("[data-once]") && form.getAttribute("aria-busy") === "true") { e.preventDefault(); e.stopImmediatePropagation(); return; }
    if (form.method !== "post") return;
    form.setAttribute("aria-busy", "true");
    dirty.delete(form);
    if (!form.hasAttribute("hx-post")) setTimeout(() => form.removeAttribute("aria-busy"), 8000);
  }, true);
  addEventListener("beforeunload", (e) => { if ($$("form[data-guard]").some((f) => dirty.has(f))) e.preventDefault(); });
  addEventListener("pageshow", () => $$("form[aria-busy]").forEach((f) => f.removeAttribute("aria-busy")));

  // htmx: busy marks, focus, the live board after a swap.
  let running = 0;
  const busy = (e, on) => {
    running = Math.max(0, running + (on ? 1 : -1));
    document.body.classList.toggle("is-busy", running > 0);
    const ctx = e.detail?.ctx;
    const target = ctx?.target instanceof Element ? ctx.target : null;
    if (target) { if (on) target.setAttribute("aria-busy", "true"); else target.removeAttribute("aria-busy"); }
    if (!on) ctx?.sourceElement?.removeAttribute?.("aria-busy");
  };
  const asksItself = (e) => e.detail?.ctx?.sourceElement?.matches?.("[hx-sse\\:connect], [data-passive]");
  document.addEventListener("htmx:before:request", (e) => { if (!asksItself(e)) busy(e, true); });
  document.addEventListener("htmx:finally:request", (e) => { if (!asksItself(e)) busy(e, false); });
  // A part that asks for itself waits while nobody sees it, and while the reader is in it.
  document.addEventListener("htmx:before:request", (e) => {
    const part = e.detail?.ctx?.sourceElement;
    if (part?.matches?.("[data-passive]") && (document.hidden || part.contains(document.activeElement))) e.preventDefault();
  });
  document.addEventListener("htmx:after:settle", (e) => {
    const added = (e.detail?.newContent || []).filter((n) => n instanceof Element);
    for (const el of added) {
      const focus = el.matches("[data-focus]") ? el : $("[data-focus]", el);
      if (focus && !focus.closest("dialog:not([open])")) { enter(focus); break; }
    }
    for (const el of added) settle(el);
  });
  // A refused form says so in the title, also where only the form was swapped.
  const refusal = $(".error-summary")?.dataset.title;
  const title = refusal ? document.title.replace(refusal + " ", "") : document.title;
  document.addEventListener("htmx:after:swap", () => {
    const summary = $(".error-summary");
    document.title = summary ? `${summary.dataset.title} ${title}` : title;
    if (summary) say("");
  });

  const settle = (el) => {
    (el.matches("dialog[data-open-now]") ? [el] : $$("dialog[data-open-now]", el)).forEach((d) => {
      open(d);
      $("[data-focus]", d)?.focus();
      if (d.hasAttribute("data-remove")) d.addEventListener("close", () => d.remove());
    });
    $$("[data-toast]", el).concat(el.matches("[data-toast]") ? [el] : []).forEach(toast);
    const list = el.closest?.("[role=listbox]");
    if (list) shown(list);
    if (el.matches("#tv-board")) called(el);
    if ($("[data-slip][data-now]", el)) setTimeout(printSlip);
  };

  const toast = (el) => {
    let timer;
    const start = () => { timer = setTimeout(() => el.remove(), 6000); };
    const stop = () => clearTimeout(timer);
    el.addEventListener("mouseenter", stop); el.addEventListener("focusin", stop);
    el.addEventListener("mouseleave", start); el.addEventListener("focusout", start);
    start();
  };

  // Combobox: the server sends the options, this moves among them.
  const inputOf = (list) => $(`[aria-controls="${CSS.escape(list.id)}"]`);
  const options = (list) => $$("[role=option]:not([aria-disabled])", list);
  const shown = (list) => {
    const input = inputOf(list);
    if (!input) return;
    const on = list.children.length > 0 && input.value.trim() !== "" && document.activeElement === input;
    list.hidden = !on;
    input.setAttribute("aria-expanded", String(on));
    input.removeAttribute("aria-activedescendant");
  };
  const listOf = (input) => document.getElementById(input.getAttribute("aria-controls"));
  const hide = (input) => {
    const list = listOf(input);
    if (list) list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const activate = (input, option) => {
    options(option.parentElement).forEach((o) => o.setAttribute("aria-selected", String(o === option)));
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  };
  const pick = (input, option, alt) => {
    const combo = input.closest("[data-combo]");
    if (alt && combo.dataset.alt) { location.assign(combo.dataset.alt + "?patient=" + encodeURIComponent(option.dataset.value)); return; }
    if (option.dataset.href) { location.assign(option.dataset.href); return; }
    input.value = option.dataset.text;
    const hidden = $("input[type=hidden]", combo);
    if (hidden) { hidden.value = option.dataset.value; hidden.dispatchEvent(new Event("change", { bubbles: true })); }
    hide(input);
  };
  const choose = (input, all, { key, altKey }) => {
    const now = all.findIndex((o) => o.id === input.getAttribute("aria-activedescendant"));
    if (key === "Enter") { pick(input, all[Math.max(0, now)], altKey); return; }
    const step = key === "ArrowDown" ? 1 : -1;
    activate(input, all[(now + step + all.length + (now < 0 && step < 0 ? 1 : 0)) % all.length]);
  };
  // Keys mean the list of what is typed, and that comes after the typing: until
  // then they are held, so that Enter never picks from the list of a letter less,
  // which is another medicine or another patient.
  const late = new Map(), patience = 4000;
  const holdKeys = (input) => {
    clearTimeout(late.get(input)?.timer);
    late.set(input, { keys: [], timer: setTimeout(() => { listOf(input).replaceChildren(); release(input); }, patience) });
  };
  const release = (input) => {
    const { keys, timer, send } = late.get(input);
    clearTimeout(timer);
    late.delete(input);
    const all = options(listOf(input));
    for (const key of keys) {
      if (all.length) choose(input, all, key);
      else if (key.key === "Enter" && input.dispatchEvent(new KeyboardEvent("keydown", { ...key, bubbles: true, cancelable: true }))) input.form?.requestSubmit();
    }
    send?.();
  };
  document.addEventListener("htmx:finally:request", (e) => {
    const { sourceElement: input, request, response, status } = e.detail.ctx;
    if (!late.has(input) || (request.signal.aborted && request.signal.reason !== "timeout")) return;
    if (new URL(request.action, location.href).searchParams.get(input.name) !== input.value) return;
    if (status !== "swapped" || response.status !== 200) listOf(input).replaceChildren();
    release(input);
  });
  addEventListener("submit", (e) => {
    const held = [...late].find(([input, { keys }]) => input.form === e.target && keys.length);
    if (!held) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    held[1].send = () => e.target.requestSubmit(e.submitter);
  }, true);
  document.addEventListener("keydown", (e) => {
    const input = e.target.closest?.("[role=combobox]");
    if (!input || e.isComposing) return;
    const list = listOf(input), moves = /^(ArrowDown|ArrowUp|Enter)$/.test(e.key) && !e.ctrlKey && !e.metaKey;
    if (moves && late.has(input) && input.value.trim()) {
      e.preventDefault();
      e.stopPropagation();
      late.get(input).keys.push({ key: e.key, altKey: e.altKey });
      return;
    }
    const all = list && !list.hidden ? options(list) : [];
    if (moves && all.length) {
      e.preventDefault();
      choose(input, all, e);
    } else if (e.key === "Escape" && list && !list.hidden) {
      e.preventDefault();
      hide(input);
      if (late.has(input)) late.get(input).keys = [];
    }
  }, true);
  document.addEventListener("mousedown", (e) => { if (e.target.closest("[role=option]")) e.preventDefault(); });
  document.addEventListener("click", (e) => {
    const option = e.target.closest("[role=option]:not([aria-disabled])");
    const input = option && inputOf(option.closest("[role=listbox]"));
    if (input) pick(input, option, e.altKey);
  });
  document.addEventListener("focusout", (e) => { if (e.target.matches?.("[role=combobox]")) hide(e.target); });
  document.addEventListener("input", (e) => {
    const combo = e.target.matches?.("[role=combobox]") && e.target.closest("[data-combo]");
    if (!combo) return;
    const hidden = $("input[type=hidden]", combo);
    if (hidden) hidden.value = "";
    holdKeys(e.target);
  });
  // Down in the register form's phone goes to the first match.
  document.addEventListener("keydown", (e) => {
    if (e.key !== "ArrowDown" || !e.target.matches?.("[hx-target='#matches']")) return;
    const match = $("#matches [data-match]");
    if (match) { e.preventDefault(); match.focus(); }
  });

  // The live board: rows change at once unless the reader is among them, also
  // by the time that the answer comes: nothing moves under a hand.
  let changes = 0, asked = false;
  const refreshBoard = (byReader) => {
    changes = 0; asked = byReader === true;
    const feed = $("[data-refresh]");
    if (feed) htmx.trigger(feed, "refresh");
  };
  let pressed = 0; // a finger does not hover
  document.addEventListener("pointerdown", (e) => { if (e.target.closest("#board [data-rows]")) pressed = Date.now(); });
  const inBoard = () => {
    const wrap = $("#board [data-rows]");
    return !!wrap && (Date.now() - pressed < 500 || wrap.matches(":hover") || (wrap.contains(document.activeElement) && document.activeElement !== wrap));
  };
  document.addEventListener("queue", () => {
    if (!$("#board")) return;
    if (inBoard()) offerChanges(); else refreshBoard();
  });
  document.addEventListener("htmx:before:swap", (e) => {
    if (asked || !e.detail?.ctx?.sourceElement?.matches?.("[data-refresh]") || !inBoard()) return;
    e.preventDefault();
    offerChanges();
  });
  const offerChanges = () => {
    changes++;
    const bar = $("[data-updates]");
    if (!bar) return;
    const text = changes === 1 ? bar.dataset.one : bar.dataset.many.replace("#", changes);
    $("button", bar).textContent = text;
    bar.hidden = false;
    say(text);
  };

  // Streams: when nothing was heard for 45 s the page asks by itself.
  let heard = Date.now();
  const hear = () => { heard = Date.now(); const off = $("[data-offline]"); if (off) off.hidden = true; };
  document.addEventListener("htmx:sse:after:connection", hear);
  document.addEventListener("htmx:sse:after:message", hear);
  document.addEventListener("alive", hear);
  if ($("[hx-sse\\:connect]")) setInterval(() => {
    if (Date.now() - heard < 45000) return;
    const off = $("[data-offline]");
    if (off) off.hidden = false;
    const tv = $("[data-tv]");
    if (tv) htmx.ajax("GET", tv.dataset.poll, { target: "#tv-board", swap: "outerHTML" });
    else refreshBoard();
  }, 30000);

  // Waiting-room display.
  const called = (board) => {
    const updated = $("[data-updated]");
    if (updated) updated.textContent = board.dataset.time;
    const cards = $$("[data-called]", board);
    announce(cards);
    setTimeout(() => cards.forEach((c) => c.classList.remove("is-called")), 20000);
  };
  // Calls are announced by a chime and a voice where the clinic wants it. A
  // browser may want a touch first: until then the page offers a button. Each
  // call is announced once, though its card comes again with every change.
  const sound = $("[data-sound]");
  const announced = new Set();
  let audio;
  const announce = (cards) => {
    const fresh = cards.filter((c) => c.dataset.say && !announced.has(c.dataset.call));
    fresh.forEach((c) => announced.add(c.dataset.call));
    if (!sound || !fresh.length || (audio && audio.state !== "running")) return;
    chime();
    fresh.forEach((c) => speak(c.dataset.say));
  };
  const speak = (text) => {
    if (!window.speechSynthesis) return;
    const words = new SpeechSynthesisUtterance(text);
    const lang = root.lang, voices = speechSynthesis.getVoices();
    words.lang = lang + "-IN";
    words.rate = .9;
    // A Hindi voice reads Marathi better than none.
    words.voice = [lang, lang === "mr" ? "hi" : lang].map((l) => voices.find((v) => v.lang.startsWith(l))).find(Boolean) || null;
    speechSynthesis.speak(words);
  };
  const chime = () => {
    if (!audio) return;
    [[659, 0], [523, .35]].forEach(([freq, at]) => {
      const tone = audio.createOscillator(), gain = audio.createGain(), start = audio.currentTime + at;
      tone.frequency.value = freq;
      gain.gain.setValueAtTime(.25, start);
      gain.gain.exponentialRampToValueAtTime(.001, start + .6);
      tone.connect(gain).connect(audio.destination);
      tone.start(start); tone.stop(start + .6);
    });
  };
  if (sound) {
    const offer = () => { sound.hidden = !audio || audio.state === "running"; };
    try {
      audio = new AudioContext();
      audio.addEventListener("statechange", offer);
    } catch { /* a screen without a loudspeaker is silent */ }
    sound.addEventListener("click", () => audio.resume().then(() => { offer(); chime(); }));
    offer();
  }
  const clock = $("[data-clock]");
  if (clock) {
    const opened = Date.now();
    setInterval(() => {
      const now = new Date();
      clock.textContent = now.toLocaleTimeString("en-US", { hour: "2-digit", minute: "2-digit", timeZone: clock.dataset.clock || undefined });
      const hour = now.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: clock.dataset.clock || undefined });
      if (hour === "03:00" && Date.now() - opened > 120000) location.reload();
    }, 5000);
    const board = $("#tv-board");
    if (board) called(board);
  }

  // A session that is about to end asks first.
  let ending;
  const armDeadline = () => {
    clearTimeout(ending);
    const shell = $("[data-deadline]");
    if (!shell) return;
    if (!shell.dataset.span) shell.dataset.span = String(Date.parse(shell.dataset.deadline) - Date.now());
    ending = setTimeout(() => open($("#session-end")), Math.max(0, Number(shell.dataset.span) - 120000));
  };
  document.addEventListener("htmx:after:request", (e) => { if (!asksItself(e)) armDeadline(); });
  armDeadline();

  // The patient banner shrinks once the page is scrolled.
  const banner = $("[data-banner]");
  if (banner) addEventListener("scroll", () => banner.classList.toggle("is-small", scrollY > 60), { passive: true });

  // First paint: a refused form, or what the page asks to be focused.
  const first = $(".error-summary") || $(":is(main, .around) [data-focus]");
  if (first && !first.closest("dialog")) enter(first);
  const button = $("[data-print-button]");
  if (button) button.hidden = false;
  if ($("[data-print-now]")) addEventListener("load", () => window.print());
})();
