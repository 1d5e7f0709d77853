// What keeps a page true while somebody looks at it, and says when it no longer can. Without it the
// page still says all of this, as of when it was loaded.
"use strict";

const TICK = 5000;
const PATIENCE = 2 * TICK;

let renewed = new Date();
let isAsking = false;

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

// What stands on the page is as of its last renewal: nobody may take it for what is so now.
function tellStale(why) {
  const told = why && `Not renewed since ${renewed.toISOString().slice(11, 19)} UTC: ${why}.`;
  const banner = document.getElementById("stale");
  if (banner.textContent !== told) banner.textContent = told;
  document.documentElement.classList.toggle("stale", why !== "");
}

// Renew the page; give why that failed, if it did.
async function renew() {
  try {
    const answer = await fetch(location.href, {
      headers: { accept: "text/html" }, redirect: "manual", signal: AbortSignal.timeout(PATIENCE),
    });
    if (answer.type === "opaqueredirect" || answer.status === 401) return "the session has ended, load the page anew to log in";
    // A page that was asked for with a wrong filter says so itself.
    if (!answer.ok && answer.status !== 400) return `the console answers ${answer.status}`;
    swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    return "the console does not answer";
  }
  renewed = new Date();
  return "";
}

async function refresh() {
  if (isAsking || document.hidden || !document.querySelector("[data-live]")) return;
  isAsking = true;
  tellStale(await renew());
  isAsking = false;
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
document.addEventListener("visibilitychange", refresh);
