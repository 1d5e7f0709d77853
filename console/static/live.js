// What keeps a page true while somebody looks at it. Without it the page still says all of this,
// as of when it was loaded.
"use strict";

const TICK = 5000;

function age(then) {
  const seconds = Math.max(0, Math.floor((Date.now() - then) / 1000));
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `${seconds} s ago`;
}

function tellAges(root) {
  for (const one of root.querySelectorAll("time[data-age]")) one.textContent = age(Date.parse(one.dateTime));
}

// A part that somebody works in is left alone: focus and opened details would be lost.
function isInUse(part) {
  const inside = document.activeElement;
  return part.contains(inside) && inside !== document.body || part.querySelector("details[open], input:checked") !== null;
}

function swap(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (!next || isInUse(part) || next.innerHTML === part.innerHTML) continue;
    part.replaceChildren(...next.childNodes);
  }
  const told = document.getElementById("told");
  const next = fresh.getElementById("told");
  if (told && next && told.textContent !== next.textContent) told.textContent = next.textContent;
}

async function refresh() {
  if (document.hidden || !document.querySelector("[data-live]")) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
    if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    document.documentElement.classList.toggle("stale", !answer.ok);
  } catch {
    document.documentElement.classList.add("stale"); // the next tick tries again
  }
  tellAges(document);
}

// What was said once is not said again when the page is loaded anew.
function forgetFlash() {
  const here = new URL(location.href);
  if (here.searchParams.has("done")) {
    here.searchParams.delete("done");
    history.replaceState(null, "", here);
  }
}

forgetFlash();
setInterval(() => tellAges(document), TICK);
setInterval(refresh, TICK);
