// Everything works without this file: it only saves time. No inline handler, no eval (content security policy).
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");

  const show = (scope) => {
    for (const node of scope.querySelectorAll("[data-dismiss][hidden], [data-print][hidden]")) node.hidden = false;
  };

  // Dialogs: <a href="#id" data-dialog="id"> opens, [data-close] closes. The focus comes back to the opener by itself.
  const openDialog = (id) => {
    const dialog = document.getElementById(id);
    if (!(dialog instanceof HTMLDialogElement) || dialog.open) return false;
    dialog.showModal();
    return true;
  };

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-dialog], [data-close], [data-dismiss], [data-print]");
    if (target?.matches("[data-dialog]")) {
      if (openDialog(target.dataset.dialog)) event.preventDefault();
    } else if (target?.matches("[data-close]")) {
      event.preventDefault();
      target.closest("dialog")?.close();
    } else if (target?.matches("[data-dismiss]")) {
      target.closest(".toast")?.remove();
      document.getElementById("contenu")?.focus({ preventScroll: true });
    } else if (target?.matches("[data-print]")) {
      window.print();
    }
    // A menu closes when the click falls elsewhere.
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = event.target.closest?.("details.menu[open]");
      if (menu) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    } else if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      const search = document.querySelector("[data-find]") ? null : document.querySelector("[data-search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    }
  });

  // Unsaved text: a number grows at each keystroke; a save remembers the number it carried.
  const typed = new WeakMap();
  const sent = new WeakMap();
  const dirty = new Set();
  const saving = new Set();
  const waiting = new Map();
  const watched = (node) => node?.closest?.("form[data-guard], form[data-autosave]");

  document.addEventListener("input", (event) => {
    const form = watched(event.target);
    if (!form) return;
    typed.set(form, (typed.get(form) ?? 0) + 1);
    dirty.add(form);
  });

  window.addEventListener("beforeunload", (event) => {
    if ([...dirty].some((form) => form.isConnected)) event.preventDefault();
  });

  const say = (form, state, text) => {
    for (const node of form.querySelectorAll("[data-autosave-status]")) {
      node.dataset.state = state;
      node.textContent = text;
    }
  };

  const autosaves = (event) => (event.target.matches?.("form[data-autosave]") ? event.target : null);

  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = autosaves(event);
    if (!form) return;
    if (form.dataset.sending) {
      event.preventDefault();
      return;
    }
    saving.add(form);
    sent.set(form, typed.get(form) ?? 0);
    say(form, "saving", "Enregistrement…");
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const form = autosaves(event);
    if (!form) return;
    saving.delete(form);
    if (waiting.has(form)) {
      const submitter = waiting.get(form);
      waiting.delete(form);
      // The answer may have drawn the button anew: the new one says the same.
      const anew = [...form.elements].find((one) => one.type === "submit" && one.name === submitter?.name);
      form.requestSubmit(submitter?.isConnected ? submitter : anew);
      return;
    }
    if (!event.detail.successful) {
      say(form, "failed", "Non enregistré. Vérifiez votre connexion\u00a0: un nouvel essai suivra votre prochaine modification.");
      return;
    }
    if ((typed.get(form) ?? 0) === sent.get(form)) dirty.delete(form);
    const now = new Date();
    say(form, "saved", `Enregistré à ${now.getHours()}\u00a0h\u00a0${String(now.getMinutes()).padStart(2, "0")}`);
  });

  // A second press on a button that already sent its form does nothing.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method === "dialog") return;
    if (form.dataset.sending) {
      event.preventDefault();
      return;
    }
    // A form whose htmx request only saves while typing leaves the page like any other.
    // A download leaves the page where it is: it may be asked for again.
    if (form.matches("[data-download]")) return;
    if (form.method !== "post" || (form.matches("[hx-post], [data-hx-post]") && !autosaves(event))) return;
    if (saving.has(form)) {
      // The save that is under way must come first: it would otherwise find the draft gone.
      event.preventDefault();
      waiting.set(form, event.submitter);
      return;
    }
    form.dataset.sending = "yes";
    dirty.delete(form);
    event.submitter?.setAttribute("aria-busy", "true");
  });

  // A page taken back from the browser's memory must be usable again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sending]")) delete form.dataset.sending;
    for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  });

  document.addEventListener("htmx:load", (event) => show(event.target));

  const start = () => {
    show(document);
    document.querySelector("[data-error-summary]")?.focus();
    if (location.hash) openDialog(decodeURIComponent(location.hash.slice(1)));
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
