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

// A part that is left alone says as of when it is, and its ages are as of then.
function tellAges() {
  for (const one of document.querySelectorAll("time[data-age]")) {
    if (!one.closest("[data-kept]")) one.textContent = age(Date.parse(one.dateTime));
  }
}

function isChanged(input) {
  if (!(input instanceof HTMLSelectElement)) return input.checked !== input.defaultChecked || input.value !== input.defaultValue;
  const first = Array.from(input.options).findIndex((one) => one.defaultSelected);
  return input.selectedIndex !== Math.max(0, first);
}

// A part that somebody works in is left alone: focus, what was typed and opened details would be lost.
function isInUse(part) {
  const inside = document.activeElement;
  return part.contains(inside) && !inside.matches(".wide")
    || part.querySelector("details[open]") !== null
    || Array.from(part.querySelectorAll("input, select, textarea")).some(isChanged);
}

// A table's region stays, with its focus and as far as it is scrolled; what is in it is renewed.
function put(part, next) {
  const region = part.querySelector(":scope > .wide"), fresh = next.querySelector(":scope > .wide");
  if (!region || !fresh) return part.replaceChildren(...next.childNodes);
  for (const one of Array.from(part.childNodes)) if (one !== region) one.remove();
  region.replaceChildren(...fresh.childNodes);
  while (next.firstChild !== fresh) region.before(next.firstChild);
  fresh.remove();
  part.append(...next.childNodes);
}

function renewPart(part, next) {
  if (isInUse(part)) {
    part.dataset.kept ??= `As of ${renewed.toISOString().slice(11, 19)} UTC: not renewed while you work here.`;
    return;
  }
  delete part.dataset.kept;
  if (next.innerHTML !== part.innerHTML) put(part, next);
}

function swap(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (next) renewPart(part, next);
  }
  for (const id of ["told", "as-of"]) {
    const told = document.getElementById(id), next = fresh.getElementById(id);
    if (told && next && told.textContent !== next.textContent) told.textContent = next.textContent;
  }
  document.title = fresh.title;
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
  tellAges();
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
setInterval(tellAges, TICK);
setInterval(refresh, TICK);
document.addEventListener("visibilitychange", refresh);
