// Runs before textual.js begins its terminal, which it does once the page has loaded.
"use strict";

const KEY = "smarter-page-key";
const terminal = document.getElementById("terminal");

// The key came in the fragment, which browsers send to no server. Other ports and hosts cannot read where it is kept.
if (location.hash.length > 1) {
  localStorage.setItem(KEY, location.hash.slice(1));
  history.replaceState(null, "", location.pathname + location.search);
}
if (!localStorage.getItem(KEY)) {
  document.querySelector("#closed p").textContent = "This page has no key: open the newest address that smarter serve printed.";
}
terminal.dataset.sessionWebsocketUrl = `${location.origin.replace(/^http/, "ws")}/ws/${localStorage.getItem(KEY)}`;

// The app gets keys without a click: once it is connected. Textual's page sends the focus to a socket that must be open.
const pending = { "-loaded": () => document.querySelector(".xterm-helper-textarea")?.focus() };
pending["-closed"] = () => document.getElementById("restart").focus();
new MutationObserver(() => {
  for (const name of Object.keys(pending).filter((one) => document.body.classList.contains(one))) {
    pending[name]();
    delete pending[name];
  }
}).observe(document.body, { attributeFilter: ["class"] });

document.getElementById("restart").addEventListener("click", () => location.reload());

// A download leaves the page and its focus as they are. Several new windows at once would be blocked.
const openWindow = window.open.bind(window);
window.open = (url, ...about) => {
  if (!String(url).startsWith(`${location.origin}/download/`)) return openWindow(url, ...about);
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
  return null;
};
