// A new link is taken from the page by one touch. Without this the field can be
// marked and copied as any other.
"use strict";
(() => {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const field = document.getElementById(button.dataset.copy), says = button.querySelector("span"), before = says.textContent;
    const copied = async () => {
      field.select();
      try { await navigator.clipboard.writeText(field.value); } catch { return document.execCommand("copy"); }
      return true;
    };
    button.hidden = false;
    button.addEventListener("click", async () => {
      if (!await copied()) return;
      says.textContent = button.dataset.copied;
      const live = document.getElementById("live");
      if (live) live.textContent = button.dataset.copied;
      setTimeout(() => { says.textContent = before; }, 3000);
    });
  }
})();
