// What makes the pages better where scripts run: fresh figures, keys, times, copying, live output.
// Every page works without it.
const root = document.documentElement;
const main = document.getElementById("main");
const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];

const kept = {
  get(name, otherwise) {
    try { return localStorage.getItem(name) ?? otherwise; } catch { return otherwise; }
  },
  set(name, value) {
    try { localStorage.setItem(name, value); } catch { /* forbidden: it lasts as long as the page */ }
  },
};

function say(text) {
  $("#say").textContent = text;
}

// ---- time ----

const skewMs = Number(root.dataset.now) - Date.now();
let zone = kept.get("zone", "local");
const two = (number) => String(number).padStart(2, "0");

function zoned(date) {
  const local = new Date(date.getTime() - (zone === "utc" ? 0 : date.getTimezoneOffset() * 60000));
  return {
    day: `${local.getUTCFullYear()}-${two(local.getUTCMonth() + 1)}-${two(local.getUTCDate())}`,
    clock: `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}`,
    seconds: two(local.getUTCSeconds()),
  };
}

function zoneName() {
  if (zone === "utc") return "UTC";
  const minutes = -new Date().getTimezoneOffset();
  const sign = minutes < 0 ? "-" : "+";
  return minutes ? `UTC${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}` : "UTC";
}

function spanText(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} m`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds / 3600) % 24} h`;
}

function agoText(ms) {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  const [unit, name] = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]].find(([size]) => seconds >= size) ?? [0, ""];
  if (!unit) return "now";
  const rough = `${Math.floor(seconds / unit)} ${name}`;
  return ms < 0 ? `in ${rough}` : `${rough} ago`;
}

function writeTime(element) {
  const date = new Date(element.dateTime);
  const since = Date.now() + skewMs - date.getTime();
  const { day, clock, seconds } = zoned(date);
  const texts = { at: `${day} ${clock}:${seconds}`, clock, ago: agoText(since) };
  // whole seconds: a counter that only comes by now and then looks restless with tenths
  const text = texts[element.dataset.time] ?? spanText(Math.max(0, Math.floor(since / 1000) * 1000));
  if (element.textContent !== text) element.textContent = text;
  const title = `${day} ${clock}:${seconds} ${zoneName()}` + (zone === "utc" ? "" : `, ${date.toISOString().slice(0, 19)}Z`);
  if (element.title !== title) element.title = title;
}

function writeTimes(from = document) {
  $$("time[data-time]", from).forEach(writeTime);
}

function showZone() {
  const button = $("#zone span");
  if (button) button.textContent = zone === "utc" ? "UTC" : "Local";
  const name = $("#zone-name");
  if (name) name.textContent = zoneName();
  const skew = $("#skew");
  if (skew && Math.abs(skewMs) > 5000) {
    skew.hidden = false;
    skew.textContent = `This computer's clock is ${spanText(Math.abs(skewMs))} ${skewMs > 0 ? "behind" : "ahead"}`;
  }
  writeTimes();
}

function switchZone() {
  zone = zone === "utc" ? "local" : "utc";
  kept.set("zone", zone);
  showZone();
  say(`Times in ${zoneName()}`);
}

function switchTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const order = dark ? ["", "light", "dark"] : ["", "dark", "light"];
  const next = order[(order.indexOf(root.dataset.theme ?? "") + 1) % 3];
  if (next) root.dataset.theme = next;
  else delete root.dataset.theme;
  kept.set("theme", next);
  say(`Theme: ${next || "as the system"}`);
}

// ---- fresh figures: poll the page's own address, change only what differs ----

const STEPS = [2, 5, 15, 0];
const poll = { seconds: Number(kept.get("interval", 2)), etag: "", failures: 0, timer: 0, busy: false };

function showLive(state) {
  const button = $("#live");
  if (!button) return;
  button.dataset.state = state;
  $("span", button).textContent = state === "lost" ? "Reconnecting" : state === "off" ? (isLive() ? "Paused" : "Static") : `Live ${poll.seconds} s`;
}

const isLive = () => main.hasAttribute("data-live");

function mayUpdate() {
  const selection = getSelection();
  const selecting = selection && !selection.isCollapsed && main.contains(selection.anchorNode);
  return !document.hidden && !$("dialog[open]") && !selecting && !$("details.row[open]");
}

function schedule(seconds) {
  clearTimeout(poll.timer);
  if (!isLive() || !poll.seconds) return showLive("off");
  if (!poll.failures) showLive("on");
  poll.timer = setTimeout(refresh, seconds * 1000);
}

async function refresh() {
  if (poll.busy) return;
  if (!mayUpdate()) return schedule(poll.seconds);
  poll.busy = true;
  try {
    const headers = { "X-Fragment": "main" };
    if (poll.etag) headers["If-None-Match"] = poll.etag;
    const answer = await fetch(location.href, { headers, credentials: "same-origin", cache: "no-store" });
    if (answer.status === 401 || answer.redirected) return location.reload();
    if (answer.status === 200) {
      const text = await answer.text();
      poll.etag = answer.headers.get("ETag") ?? "";
      if (mayUpdate()) update(text);
    } else if (answer.status !== 304) {
      throw new Error(`status ${answer.status}`);
    }
    if (poll.failures) say("Connected again");
    poll.failures = 0;
    schedule(poll.seconds);
  } catch {
    poll.failures += 1;
    showLive("lost");
    if (poll.failures === 2) say("The connection is lost; trying again");
    schedule(Math.min(30, poll.seconds * 2 ** poll.failures));
  } finally {
    poll.busy = false;
  }
}

function update(text) {
  const fresh = new DOMParser().parseFromString(`<main>${text}</main>`, "text/html").querySelector("main");
  writeTimes(fresh);
  // the first page of a list must not jump under somebody who marks rows
  const marking = $$("input[name=number]:checked", main).length > 0;
  if (marking && $("[data-row]", fresh)) return offerNew(fresh);
  const focused = document.activeElement;
  morph(main, fresh);
  if (focused !== document.activeElement && main.contains(focused)) focused.focus({ preventScroll: true });
  afterChange();
}

function offerNew(fresh) {
  const keys = new Set($$("[data-row]", main).map((row) => row.dataset.key));
  const count = $$("[data-row]", fresh).filter((row) => !keys.has(row.dataset.key)).length;
  if (!count) return;
  let button = $("#new-rows");
  if (!button) {
    button = document.createElement("button");
    button.id = "new-rows";
    button.type = "button";
    button.addEventListener("click", () => { pick([]); poll.etag = ""; refresh(); });
    $(".head", main)?.append(button);
  }
  button.textContent = `${count} new ${count === 1 ? "job" : "jobs"}`;
}

const keyOf = (node) => node.nodeType === 1 ? node.id || node.dataset.key || "" : "";

// Nodes that stay are never moved: a moved node loses focus and scroll.
function morph(old, fresh) {
  const keyed = new Map([...old.children].filter(keyOf).map((node) => [keyOf(node), node]));
  const wantedKeys = new Set([...fresh.children].map(keyOf));
  let place = old.firstChild;
  const drop = () => {
    const next = place.nextSibling;
    place.remove();
    place = next;
  };
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    while (place && ((keyOf(place) && !wantedKeys.has(keyOf(place))) || (place.nodeType === 3 && wanted.nodeType === 1))) drop();
    const match = key ? keyed.get(key) : alike(place, wanted);
    if (!match || match.nodeName !== wanted.nodeName) {
      old.insertBefore(wanted, place);
      continue;
    }
    if (!key) while (place !== match) drop();
    if (match === place) place = place.nextSibling;
    else old.insertBefore(match, place);
    if (match.nodeType === 1) morphElement(match, wanted);
    else if (match.nodeValue !== wanted.nodeValue) match.nodeValue = wanted.nodeValue;
  }
  while (place) drop();
}

// The next node without a key that can become the wanted one; none beyond a node that has a key.
function alike(place, wanted) {
  const name = wanted.className?.split?.(" ")[0];
  for (let node = place; node && !keyOf(node); node = node.nextSibling) {
    if (node.nodeName === wanted.nodeName && node.className?.split?.(" ")[0] === name) return node;
    if (wanted.nodeType === 3) return null;
  }
  return null;
}

function morphElement(old, fresh) {
  if (old.hasAttribute("data-keep") && old.dataset.attempt === fresh.dataset.attempt) return;
  const open = old.nodeName === "DETAILS" && old.open;
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (open) old.open = true;
  // what somebody types or ticks is theirs
  if (["INPUT", "TEXTAREA", "SELECT"].includes(old.nodeName)) return;
  morph(old, fresh);
}

function afterChange() {
  showRow();
  showPicked();
  wrapOutput();
  follow.start();
  $("#new-rows")?.remove();
  const dead = $(".tabs .s-dead b", main) ?? $(".tile.s-dead b", main);
  const badge = $("#dead-count");
  if (dead && badge) {
    badge.textContent = dead.textContent;
    badge.hidden = dead.textContent === "0";
  }
}

function nextInterval() {
  poll.seconds = STEPS[(STEPS.indexOf(poll.seconds) + 1) % STEPS.length];
  kept.set("interval", poll.seconds);
  poll.failures = 0;
  say(poll.seconds ? `Updates every ${poll.seconds} seconds` : "Updates are paused");
  poll.seconds ? refresh() : schedule(0);
}

// ---- live output ----

const follow = {
  timer: 0, waitMs: 500, pane: null,
  start() {
    const pane = $("#output");
    if (pane === this.pane) return;
    this.pane = pane;
    this.waitMs = 500;
    clearTimeout(this.timer);
    if (!pane) return;
    wrapOutput();
    if (this.last()?.hasAttribute("data-ended")) return;
    pane.scrollTop = pane.scrollHeight;
    this.timer = setTimeout(() => this.look(), this.waitMs);
  },
  last() { return this.pane?.lastElementChild; },
  async look() {
    const pane = this.pane;
    const last = this.last();
    if (!pane?.isConnected || !last) return;
    if (!document.hidden && $("#follow")?.checked !== false) {
      const query = new URLSearchParams({ attempt: pane.dataset.attempt, offset: last.dataset.next, style: last.dataset.style });
      try {
        const answer = await fetch(`${pane.dataset.from}?${query}`, { headers: { "X-Fragment": "main" }, credentials: "same-origin" });
        if (answer.ok && this.add(pane, last, await answer.text())) return;
      } catch { this.waitMs = 3000; }
    }
    this.timer = setTimeout(() => this.look(), this.waitMs);
  },
  add(pane, last, text) {
    const part = new DOMParser().parseFromString(text, "text/html").querySelector(".part");
    if (!part) return false;
    const lines = part.children.length;
    const atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 40;
    if (last.hasAttribute("data-unfinished") && lines && last.lastElementChild?.className === part.firstElementChild.className) {
      last.lastElementChild.append(...part.firstElementChild.childNodes);
      part.firstElementChild.remove();
    }
    if (!lines && last.hasAttribute("data-unfinished")) part.setAttribute("data-unfinished", "");
    if (part.children.length || !lines) last.removeAttribute("data-unfinished");
    if (part.children.length) pane.append(part);
    else for (const { name, value } of [...part.attributes]) last.setAttribute(name, value);
    const surplus = $$(".l", pane).length - 5000;
    if (surplus > 0) $$(".l", pane).slice(0, surplus).forEach((line) => line.remove());
    if (atEnd) pane.scrollTop = pane.scrollHeight;
    this.waitMs = lines ? 500 : Math.min(3000, this.waitMs * 1.5);
    if (part.hasAttribute("data-ended")) {
      poll.etag = "";
      refresh();
      return true;
    }
    return false;
  },
};

function wrapOutput() {
  const box = $("#wrap");
  if (!box) return;
  box.checked = kept.get("wrap", "") === "1";
  $("#output")?.classList.toggle("wrap", box.checked);
  $$(".output").forEach((pane) => pane.classList.toggle("wrap", box.checked));
}

// ---- rows: where the keys are, what is marked ----

let rowKey = "";
let lastPicked = null;
const rows = () => $$("[data-row]", main);
const boxes = () => $$("input[name=number][type=checkbox]", main);

function showRow() {
  rows().forEach((row) => row.classList.toggle("at", row.dataset.key === rowKey));
}

function moveRow(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.dataset.key === rowKey);
  const row = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  rowKey = row.dataset.key;
  showRow();
  row.scrollIntoView({ block: "nearest" });
  $("[data-open]", row)?.focus({ preventScroll: true });
}

const currentRow = () => rows().find((row) => row.dataset.key === rowKey);

function pick(chosen) {
  boxes().forEach((box) => { box.checked = chosen.includes(box); });
  showPicked();
}

function pickRange(box, range) {
  const all = boxes();
  if (range && lastPicked) {
    const ends = [all.indexOf(lastPicked), all.indexOf(box)].sort((a, b) => a - b);
    all.slice(ends[0], ends[1] + 1).forEach((one) => { one.checked = box.checked; });
  }
  lastPicked = box;
  showPicked();
}

function showPicked() {
  const all = boxes();
  const count = all.filter((box) => box.checked).length;
  all.forEach((box) => box.closest("tr").classList.toggle("on", box.checked));
  const bar = $("#bulk-bar");
  if (!bar) return;
  const every = $("#bulk-all").checked;
  bar.classList.toggle("some", count > 0 || every);
  $("#bulk-count").textContent = every ? "All that match" : `${count} selected`;
  const head = $("#pick-all");
  if (head) {
    head.checked = count > 0 && count === all.length;
    head.indeterminate = count > 0 && count < all.length;
  }
}

main.addEventListener("click", (event) => {
  const box = event.target.closest("input[name=number][type=checkbox]");
  if (box) pickRange(box, event.shiftKey);
  if (event.target.id === "pick-all") pick(event.target.checked ? boxes() : []);
  const copy = event.target.closest("[data-copy], [data-copy-from]");
  if (copy) copyText(copy);
});
main.addEventListener("change", (event) => {
  if (event.target.id === "bulk-all") showPicked();
  if (event.target.id === "wrap") {
    kept.set("wrap", event.target.checked ? "1" : "");
    wrapOutput();
  }
  if (event.target.id === "follow" && event.target.checked && follow.pane) follow.pane.scrollTop = follow.pane.scrollHeight;
});

async function copyText(button) {
  const text = button.dataset.copy ?? document.getElementById(button.dataset.copyFrom)?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
  say("Copied");
}

// ---- charts: what stands under the pointer, read from the chart's own table ----

function readChart(canvas, clientX) {
  const chart = canvas.closest("[data-chart]");
  const steps = $$("tbody tr", chart);
  const box = canvas.getBoundingClientRect();
  const place = Math.max(0, Math.min(steps.length - 1, Math.floor((clientX - box.left) / box.width * steps.length)));
  const names = $$("thead th", chart).slice(1).map((cell) => cell.textContent);
  $$("td", steps[place]).slice(1).forEach((cell, column) => {
    const figure = $(`[data-line="${names[column]}"]`, chart);
    if (figure) figure.textContent = cell.textContent;
  });
  const time = $("time", steps[place]);
  $("[data-moment]", chart).textContent = time.textContent.slice(0, 16);
  let hair = $(".hair", canvas);
  if (!hair) {
    hair = document.createElement("div");
    hair.className = "hair";
    canvas.append(hair);
  }
  hair.style.left = `${(place + 0.5) / steps.length * 100}%`;
}

main.addEventListener("pointermove", (event) => {
  const canvas = event.target.closest?.(".canvas");
  if (canvas) readChart(canvas, event.clientX);
});
main.addEventListener("pointerout", (event) => {
  const canvas = event.target.closest?.(".canvas");
  if (!canvas || canvas.contains(event.relatedTarget)) return;
  $(".hair", canvas)?.remove();
  $$("[data-line], [data-moment]", canvas.closest("[data-chart]")).forEach((figure) => { figure.textContent = ""; });
});

// ---- keys ----

let prefix = "";
const follows = (selector) => () => $(selector, main)?.click();

const KEYS = {
  "/": () => { const box = $("#q") ?? null; if (box) { box.focus(); box.select(); } else location.href = `${root.dataset.base}/jobs`; },
  j: () => moveRow(1),
  k: () => moveRow(-1),
  Enter: () => $("[data-open]", currentRow() ?? main)?.click(),
  x: () => mark(false),
  X: () => mark(true),
  Escape: () => { pick([]); const all = $("#bulk-all"); if (all) all.checked = false; showPicked(); },
  R: follows('[data-key-action="R"]'),
  C: follows('[data-key-action="C"]'),
  "#": follows('[data-key-action="#"]'),
  y: follows('[data-key-action="y"]'),
  "[": follows("a[rel=prev]"),
  "]": follows("a[rel=next]"),
  f: follows("#follow"),
  w: follows("#wrap"),
  o: () => {
    const all = $$("[data-attempt]:is(a)", main);
    if (all.length) all[(all.findIndex((one) => one.hasAttribute("aria-current")) + 1) % all.length].click();
  },
  ".": nextInterval,
  t: switchTheme,
  u: switchZone,
  "?": () => $("#keys").showModal(),
};

function mark(range) {
  const box = $("input[name=number]", currentRow() ?? main);
  if (!box) return;
  box.checked = !box.checked;
  pickRange(box, range);
}

function act(key) {
  if (prefix === "g") return $(`[data-go="${key}"]`)?.click();
  if (prefix === "*") return key === "a" ? pick(boxes()) : undefined;
  KEYS[key]?.();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || $("dialog[open]")) return;
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select");
  if (typing) {
    if (event.key === "Escape") typing.blur();
    return;
  }
  if (kept.get("keys", "on") === "off" && event.key.length === 1) return;
  // Enter on a link or a button is theirs
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  if (!prefix && (event.key === "g" || event.key === "*")) {
    prefix = event.key;
    setTimeout(() => { prefix = ""; }, 1200);
    return;
  }
  if (prefix || Object.hasOwn(KEYS, event.key)) {
    if (event.key.length === 1) event.preventDefault();
    act(event.key);
  }
  prefix = "";
});

// ---- begin ----

$("#live")?.addEventListener("click", nextInterval);
$("#zone")?.addEventListener("click", switchZone);
$("#theme")?.addEventListener("click", switchTheme);
$("#help")?.addEventListener("click", () => $("#keys").showModal());
const keysOn = $("#keys-on");
keysOn.checked = kept.get("keys", "on") === "on";
keysOn.addEventListener("change", () => kept.set("keys", keysOn.checked ? "on" : "off"));
document.addEventListener("visibilitychange", () => { if (!document.hidden) { poll.failures = 0; refresh(); } });
addEventListener("online", () => { poll.failures = 0; refresh(); });
addEventListener("pageshow", (event) => { if (event.persisted) { showPicked(); refresh(); } });
setInterval(() => $$('time[data-time="since"], time[data-time="ago"]', main).forEach(writeTime), 1000);
$("[data-autofocus]")?.focus();
$(".top nav a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
showZone();
showPicked();
follow.start();
schedule(poll.seconds);
root.dataset.ready = "";
