// Triage by keyboard. The page works without it: every key only does what a link, a button or a box does.
"use strict";

document.addEventListener("keydown", (event) => {
  const at = event.target;
  const types = at.matches("textarea, select, input:not([type=radio]):not([type=checkbox])");
  if (event.ctrlKey || event.metaKey || event.altKey || types) return;
  const chosen = keyed(event.key);
  if (!chosen) return;
  event.preventDefault();
  chosen.focus();
  chosen.click();
});

function keyed(key) {
  if (/^[1-9]$/.test(key)) return document.querySelectorAll("input[name=kind]")[Number(key) - 1];
  if (key === "u") return document.querySelector("input[name=urgency][value=urgent]");
  return /^[a-z]$/.test(key) ? document.querySelector(`[data-key="${key}"]`) : null;
}
