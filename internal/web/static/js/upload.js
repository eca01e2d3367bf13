// A form that sends a file: how far it has come, and what is wrong without
// losing what was chosen. Without it the form is sent as any other.
"use strict";
(() => {
  const $ = (sel, root = document) => root.querySelector(sel);

  const show = (form, text, part) => {
    const says = $("[data-upload-says]", form), bar = $("[data-upload-bar]", form);
    if (says.textContent !== text) says.textContent = text;
    bar.hidden = part === undefined;
    if (part !== undefined) bar.value = part;
  };

  // The server's answer is a page: the one it leads to, or this one with what
  // was wrong, of which only the form's messages are taken.
  const answer = (form, sent) => {
    const next = sent.getResponseHeader("HX-Redirect");
    if (next) { location.assign(next); return; }
    const page = new DOMParser().parseFromString(sent.responseText, "text/html");
    const fresh = page.getElementById(form.id);
    if (!fresh) { show(form, form.dataset.uploadFailed); return; }
    const chosen = $("input[type=file]", form), place = $("input[type=file]", fresh);
    chosen.toggleAttribute("aria-invalid", place.hasAttribute("aria-invalid"));
    chosen.setAttribute("aria-describedby", place.getAttribute("aria-describedby"));
    place.replaceWith(chosen);
    form.replaceWith(fresh);
    document.querySelectorAll(".notice-done").forEach((said) => said.remove()); // of the file before
    document.title = page.title;
    ready(fresh);
    $(".error-summary", fresh)?.focus();
  };

  const send = (form) => {
    const chosen = $("input[type=file]", form).files[0];
    if (chosen && chosen.size > Number(form.dataset.upload)) { show(form, form.dataset.uploadLarge); form.removeAttribute("aria-busy"); return; }
    const out = new XMLHttpRequest();
    const over = (say) => { form.removeAttribute("aria-busy"); say(); };
    out.open("POST", form.action);
    // Told where to go on, not led there: the list would be read twice, and seen
    // twice by the trail.
    out.setRequestHeader("HX-Request", "true");
    out.upload.addEventListener("progress", (e) => {
      const part = e.lengthComputable ? Math.floor(100 * e.loaded / e.total) : 0;
      show(form, part < 100 ? form.dataset.uploadSending : form.dataset.uploadChecking, part);
    });
    out.addEventListener("load", () => over(() => answer(form, out)));
    out.addEventListener("error", () => over(() => show(form, form.dataset.uploadFailed)));
    form.setAttribute("aria-busy", "true");
    out.send(new FormData(form));
  };

  const ready = (form) => {
    form.addEventListener("submit", (e) => { if (!e.defaultPrevented) { e.preventDefault(); send(form); } });
    form.addEventListener("change", (e) => { if (e.target.type === "file") show(form, ""); });
  };
  document.querySelectorAll("form[data-upload]").forEach(ready);
})();
