// From one situation to the next without leaving the keyboard. Without this file the links under each do the same.
(() => {
  "use strict";
  const points = () => [...document.querySelectorAll("[data-point]")];

  document.addEventListener("keydown", (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const all = points();
    if (!step || !all.length || event.target.matches("select, input[type=date]")) return;
    event.preventDefault();
    const at = all.findIndex((point) => point.contains(event.target));
    const next = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
    (next.querySelector("textarea") ?? next).focus();
    next.scrollIntoView({ block: "nearest" });
  });
})();
