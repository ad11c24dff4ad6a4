// Finding anything from any page. Without this file the button of the header leads to a page that does the same.
(() => {
  "use strict";
  const dialog = () => document.querySelector("[data-find]");
  const options = () => [...dialog().querySelectorAll("[role=option]")];
  const isBox = (node) => Boolean(node.matches?.("[data-find] [role=combobox]"));

  // Ctrl-K anywhere; « / » too, where it is not being typed.
  const asksToFind = (event) => {
    if (event.altKey || event.defaultPrevented) return false;
    if (event.key.toLowerCase() === "k") return (event.ctrlKey || event.metaKey) && !event.shiftKey;
    const isTyped = event.target.closest?.("input, textarea, select, dialog, [contenteditable]");
    return event.key === "/" && !event.ctrlKey && !event.metaKey && !isTyped;
  };

  // The pattern of ARIA APG: a combobox with a list, whose first result is chosen by itself.
  const choose = (box, chosen) => {
    for (const option of options()) option.setAttribute("aria-selected", String(option === chosen));
    if (chosen) box.setAttribute("aria-activedescendant", chosen.id);
    else box.removeAttribute("aria-activedescendant");
    box.setAttribute("aria-expanded", String(Boolean(chosen)));
    chosen?.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("keydown", (event) => {
    if (dialog() && asksToFind(event)) {
      event.preventDefault();
      if (!dialog().open) dialog().showModal();
      const box = dialog().querySelector("[role=combobox]");
      box.focus();
      box.select();
    } else if (isBox(event.target)) {
      const listed = options();
      const at = listed.findIndex((option) => option.getAttribute("aria-selected") === "true");
      if (listed.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
        event.preventDefault();
        const step = event.key === "ArrowDown" ? 1 : -1;
        choose(event.target, listed[(at + step + listed.length) % listed.length]);
      } else if (event.key === "Enter" && at >= 0) {
        event.preventDefault();
        listed[at].click();
      }
    }
  });

  // Until the answer comes, what was chosen no longer stands for what is typed.
  document.addEventListener("input", (event) => {
    if (isBox(event.target)) choose(event.target, null);
  });

  // An answer to what is no longer typed would take the place of a choice made since.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.id !== "trouvailles") return;
    const asked = event.detail.requestConfig.parameters.mots;
    if (asked !== dialog().querySelector("[role=combobox]").value) event.detail.shouldSwap = false;
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "trouvailles") choose(dialog().querySelector("[role=combobox]"), options()[0]);
  });
})();
