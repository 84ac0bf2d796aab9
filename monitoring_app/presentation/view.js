// Builds and keeps up to date the tree of nodes a page is made of. Texts become text nodes and nothing else ever does; elements that
// stay are changed in place, so focus, selection and scroll survive a refresh.
const TAGS = new Set(("div span p a ul ol li dl dt dd table thead tbody tr th td caption h1 h2 h3 h4 strong em code pre " +
  "time details summary button nav section header footer aside small svg g path circle rect line " +
  "label select option input").split(" "));
const SVG = new Set(["svg", "g", "path", "circle", "rect", "line"]);
const ATTRIBUTES = new Set(["class", "id", "title", "role", "colspan", "rowspan", "scope", "datetime", "tabindex", "type",
  "viewBox", "d", "cx", "cy", "r", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "rx", "open", "lang", "for", "value", "placeholder",
  "maxlength"]);
const SVG_NS = "http://www.w3.org/2000/svg";

function allowed(name, value) {
  if (name === "href") return /^\/(?![\/\\])/.test(value) || /^https?:\/\//.test(value);
  return ATTRIBUTES.has(name) || /^(aria|data)-[a-z-]+$/.test(name);
}

function make(node) {
  if (typeof node === "string") return document.createTextNode(node);
  const tag = TAGS.has(node[0]) ? node[0] : "span";
  const element = SVG.has(tag) ? document.createElementNS(SVG_NS, tag) : document.createElement(tag);
  element.__tag = node[0];
  update(element, node);
  return element;
}

function update(element, node) {
  const wanted = node[1] || {};
  const before = element.__attributes || {};
  for (const name of Object.keys(before)) {
    if (name in wanted) continue;
    if (name === "vars") element.removeAttribute("style"); else element.removeAttribute(name);
  }
  for (const [name, value] of Object.entries(wanted)) {
    if (name === "key" || JSON.stringify(before[name]) === JSON.stringify(value)) continue;
    if (name === "vars") {
      for (const [key, v] of Object.entries(value)) element.style.setProperty("--" + key, String(v));
    } else if (allowed(name, String(value))) {
      // An open disclosure is the reader's choice once it is on the page.
      if (name === "open" && element.__attributes) continue;
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  if (wanted["data-external"]) { element.setAttribute("target", "_blank"); element.setAttribute("rel", "noopener noreferrer"); }
  element.__attributes = wanted;
  if (wanted["data-time"]) {
    if (element.__fallback !== node[2]) { element.__fallback = node[2]; element.textContent = node[2] || ""; }
    return;
  }
  children(element, node.slice(2));
  // What is being written is the reader's until the page says something else; a choice is made at once, and is the page's.
  if ("data-value" in wanted && (node[0] === "select" || element.__value !== wanted["data-value"])) {
    element.__value = wanted["data-value"];
    element.value = element.__value;
  }
}

function children(parent, nodes) {
  const keyed = new Map();
  for (const child of parent.childNodes) if (child.__key !== undefined) keyed.set(child.__key, child);
  let place = parent.firstChild;
  for (const node of nodes) {
    const key = typeof node === "string" ? undefined : (node[1] || {}).key;
    let child = null;
    if (key !== undefined) child = keyed.get(key) || null;
    else if (place && place.__key === undefined) child = place;
    const fits = child && (typeof node === "string" ? child.nodeType === 3 : child.nodeType === 1 && child.__tag === node[0]);
    if (!fits) {
      const made = make(node);
      if (key !== undefined) made.__key = key;
      parent.insertBefore(made, place);
      continue;
    }
    if (child === place) place = place.nextSibling; else parent.insertBefore(child, place);
    if (typeof node === "string") { if (child.data !== node) child.data = node; } else update(child, node);
  }
  while (place) { const next = place.nextSibling; place.remove(); place = next; }
}

const absolute = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });
const clock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const short = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min " + (s % 60) + " s";
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min";
  return Math.floor(s / 86400) + " d " + Math.floor((s % 86400) / 3600) + " h";
}

function ago(seconds) {
  const s = Math.round(seconds);
  if (s < 0) return s > -60 ? "just now" : "in " + span(-s);
  if (s < 10) return "just now";
  if (s < 60) return s + " s ago";
  if (s < 3600) return Math.floor(s / 60) + " min ago";
  if (s < 86400) return Math.floor(s / 3600) + " h ago";
  const days = Math.floor(s / 86400);
  return days === 1 ? "yesterday" : days < 30 ? days + " days ago" : null;
}

function tick(root) {
  const now = Date.now();
  for (const element of root.querySelectorAll("time[data-time]")) {
    const date = new Date(element.getAttribute("datetime"));
    if (isNaN(date)) continue;
    const style = element.dataset.time, seconds = (now - date) / 1000;
    const text = style === "elapsed" ? span(seconds) : style === "clock" ? clock.format(date) : ago(seconds) || short.format(date);
    if (element.textContent !== text) element.textContent = text;
    const title = absolute.format(date);
    if (element.title !== title) element.title = title;
  }
}

// Where a list was left for one of its rows: its address, the row's, and how far below the window's top that row stood.
const LEFT = "tenantatlas-left";

function here() { return location.pathname + location.search; }

function scroller(element) {
  for (let e = element; e; e = e.parentElement || (e.getRootNode().host || null)) {
    if (e.scrollHeight > e.clientHeight && /auto|scroll/.test(getComputedStyle(e).overflowY)) return e;
  }
  return document.scrollingElement;
}

function left() {
  try { return JSON.parse(sessionStorage.getItem(LEFT)) || {}; } catch { return {}; }
}

function leave(link) {
  const row = link.getAttribute("href");
  sessionStorage.setItem(LEFT, JSON.stringify({ href: here(), row, top: link.getBoundingClientRect().top }));
}

// Streamlit scrolls a new page to its top some moments after its parts are there, so what is in view is held for a while.
function hold(element, top) {
  const until = Date.now() + 600;
  let stopped = false;
  for (const name of ["wheel", "touchstart", "keydown", "pointerdown"]) {
    addEventListener(name, () => { stopped = true; }, { once: true, capture: true, passive: true });
  }
  const again = () => {
    if (stopped || !element.isConnected) return;
    scroller(element).scrollTop += element.getBoundingClientRect().top - top;
    if (Date.now() < until) requestAnimationFrame(again);
  };
  again();
}

function come_back(root) {
  const { href, row, top } = left();
  if (!row || href !== here()) return;
  const link = [...root.querySelectorAll("tr a")].find((e) => e.getAttribute("href") === row);
  if (!link) return;
  sessionStorage.setItem(LEFT, JSON.stringify({ href }));
  link.focus({ preventScroll: true });
  hold(link, top);
}

function go(href) {
  if (early) { location.assign(href); return; }
  // Streamlit follows the browser's history, so a step of our own in it is a page change without a new load.
  history.pushState(null, "", href);
  window.dispatchEvent(new PopStateEvent("popstate", { state: null }));
}

function clicked(event, state) {
  const path = event.composedPath();
  const act = path.find((e) => e.dataset && e.dataset.act !== undefined);
  if (act) { state.component.setTriggerValue("act", act.dataset.act); return; }
  const fold = path.find((e) => e.dataset && e.dataset.fold !== undefined);
  if (fold) {
    fold.setAttribute("aria-expanded", String(fold.nextElementSibling.classList.toggle("unfolded")));
    return;
  }
  const copy = path.find((e) => e.dataset && e.dataset.copy !== undefined);
  if (copy) {
    const text = copy.dataset.copy.startsWith("/") ? location.origin + copy.dataset.copy : copy.dataset.copy;
    const said = () => { copy.classList.add("done"); setTimeout(() => copy.classList.remove("done"), 1600); };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(said, () => prompt("", text)); else prompt("", text);
    return;
  }
  const post = path.find((e) => e.dataset && e.dataset.post !== undefined);
  if (post) {
    fetch(post.dataset.post, { method: "POST", redirect: "manual", credentials: "same-origin" })
      .finally(() => location.assign(post.dataset.then || "/"));
    return;
  }
  const link = path.find((e) => e.tagName === "A");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const href = link.getAttribute("href") || "";
  if (link.dataset.external || link.dataset.load || !href.startsWith("/")) return;
  event.preventDefault();
  // The way back leads to the list as it was left, when it was left for this page.
  const from = link.dataset.back === undefined ? "" : left().href || "";
  if (link.closest("tr")) leave(link);
  go(from === href || from.startsWith(href + "&") ? from : href);
}

// A field holds a part of the page's address.
function changed(event) {
  const field = event.target, value = field.value.trim(), { base, name } = field.dataset;
  // A year that is still being typed begins with noughts.
  if (base === undefined || (/^date/.test(field.type) && value.startsWith("0"))) return;
  field.__value = value;
  const text = value && field.type === "datetime-local" ? new Date(value).toISOString() : value;
  go(base + (text ? "&" + (name ? new URLSearchParams([[name, text]]) : text) : ""));
}

const roots = new Set();

function all(selector) {
  for (const root of roots) if (!root.isConnected) roots.delete(root);
  return [...roots].flatMap((root) => [...root.querySelectorAll(selector)]);
}

function rows() {
  return all("tbody tr").map((row) => row.querySelector("a")).filter((link) => link && link.offsetParent);
}

function focused() {
  let e = document.activeElement;
  while (e && e.shadowRoot && e.shadowRoot.activeElement) e = e.shadowRoot.activeElement;
  return e;
}

function step(by) {
  const links = rows(), row = focused() && focused().closest("tr");
  const at = row ? links.findIndex((link) => link.closest("tr") === row) : -1;
  const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by];
  if (next) { next.focus(); next.scrollIntoView({ block: "nearest" }); }
}

const KEYS = [["/", "Search"], ["j", "Next row"], ["k", "Row before"], ["Enter", "Open the row"], ["?", "This list"], ["Esc", "Close it"]];

function help() {
  const dialog = document.createElement("dialog");
  dialog.className = "ta-help";
  dialog.setAttribute("aria-label", "Keys");
  for (const [key, meaning] of KEYS) {
    const line = document.createElement("p"), shown = document.createElement("kbd");
    shown.textContent = key;
    line.append(shown, " " + meaning);
    dialog.append(line);
  }
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

function pressed(event) {
  if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return;
  if (event.composedPath()[0].closest?.("input, select, textarea, [contenteditable], dialog")) return;
  const act = { j: () => step(1), k: () => step(-1), "?": help, "/": () => all("input[data-name=q]")[0]?.focus() }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

// Once for the page, however many elements it has; and before all else on it a way past the menu.
function once() {
  if (document.querySelector(".ta-skip")) return;
  const skip = document.createElement("button");
  skip.className = "ta-skip";
  skip.textContent = "Skip to the first row";
  skip.addEventListener("click", () => (rows()[0] || all("h1")[0])?.focus());
  document.body.prepend(skip);
  document.addEventListener("keydown", pressed);
}

const mounted = new WeakMap();
// One sheet, read once, dresses every element of the page.
const sheet = new CSSStyleSheet();
sheet.replaceSync(STYLES);

// Streamlit's code is there within a second or two, and over a slow line within fifteen.
const LATE = "This page has no connection to the hub yet: the list is as it was when you opened it. Reload the page to see it as it is now.";

let early = null;
const halves = {};

// The list stands over Streamlit's page until that has both halves of it: Streamlit's code takes a second to come and run.
export async function first() {
  document.cookie = "tenantatlas_zone=" + Intl.DateTimeFormat().resolvedOptions().timeZone + "; path=/; max-age=31536000; samesite=lax";
  const answer = await fetch("/first.json" + location.search), tree = answer.ok && await answer.json();
  if (!tree || roots.size) return;
  document.querySelector(".ta-loading")?.remove();
  const host = document.body.appendChild(document.createElement("div"));
  host.className = "ta-first";
  const place = host.attachShadow({ mode: "open" });
  place.appendChild(document.createElement("div")).className = "root";
  view({ tree, parentElement: place });
  early = mounted.get(place);
  setTimeout(() => {
    if (!early) return;
    const late = document.createElement("p");
    late.className = "notice tone-orange";
    late.setAttribute("role", "status");
    late.textContent = LATE;
    place.prepend(late);
  }, 20_000);
}

// Whether an element of Streamlit's is not to be drawn yet. Once both halves are there, each takes over its part of the list, and so
// what was unfolded, typed or chosen meanwhile; a page that is another after all has nothing to take.
function waits(state) {
  const { key, class: look } = state.tree[1];
  if (!early || !(key || /empty|notice/.test(look))) return false;
  halves[key] = state;
  if (key && !(halves.head && halves.list)) return true;
  const { root, timer } = early, host = root.getRootNode().host, at = focused();
  const { top } = root.lastChild.lastChild.getBoundingClientRect(), scrolled = host.scrollTop;
  early = null;
  clearInterval(timer);
  for (const [name, one] of Object.entries(halves)) {
    const part = [...root.firstChild.childNodes].find((e) => e.__key === name);
    // Where browsers can, it is moved as it is: taking it out would end what is being typed.
    if (part && one.root.moveBefore) one.root.moveBefore(part, null); else if (part) one.root.append(part);
    draw(one);
  }
  host.remove();
  at?.focus({ preventScroll: true });
  if (scrolled && key) hold(halves.list.root, top);
  return true;
}

function draw(state) {
  children(state.root, [state.tree]);
  tick(state.root);
  come_back(state.root);
}

export default function view(component) {
  const { data, tree, parentElement } = component;
  let state = mounted.get(parentElement);
  if (!state) {
    const root = parentElement.querySelector(".root");
    parentElement.adoptedStyleSheets = [sheet];
    const made = state = { root, component, timer: setInterval(() => tick(root), 1000) };
    root.addEventListener("click", (event) => clicked(event, made));
    root.addEventListener("change", changed);
    roots.add(root);
    once();
    mounted.set(parentElement, state);
  }
  state.component = component;
  state.tree = tree || JSON.parse(new TextDecoder().decode(data));
  if (!waits(state)) draw(state);
  return () => {
    if (state.root.isConnected) return;
    clearInterval(state.timer);
    mounted.delete(parentElement);
  };
}
