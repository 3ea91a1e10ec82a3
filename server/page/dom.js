// Elements, tables, tiles: everything is built from text nodes, so that no value of the server is
// ever read as HTML. Knows the DOM. Does not know what is shown.

export const find = id => document.getElementById(id);
export const words = text => String(text).replaceAll("_", " ");
export const count = number => (number ?? 0).toLocaleString("en");
export const percent = share => share == null ? "–" : `${(100 * share).toFixed(1)} %`;
export const ms = value => value == null ? "–" : `${Math.round(value)} ms`;

export function make(tag, content, kind) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.append(...[content].flat().map(part => part instanceof Node ? part : String(part ?? "–")));
  return element;
}

const TONES = { live: "good", canary: "warn", candidate: "warn", refused: "bad", up: "good",
  starting: "warn", down: "bad", passed: "good", promoted: "good" };
export const badge = text => make("span", words(text), `badge ${TONES[text] ?? ""}`);

/** Fill a place with a table; heads that begin with # are of numbers. */
export function table(id, heads, rows, empty) {
  find(id).replaceChildren(rows.length ? tableOf(heads, rows) : make("p", empty, "soft"));
}

export function tableOf(heads, rows) {
  const kind = head => head.startsWith("#") ? "number" : "";
  const top = make("tr", heads.map(head => {
    const cell = make("th", head.replace("#", ""), kind(head));
    cell.scope = "col";
    return cell;
  }));
  const body = rows.map(row => make("tr", row.map((cell, i) => make("td", cell, kind(heads[i])))));
  return make("table", [make("thead", top), make("tbody", body)]);
}

export function bars(id, rows, empty) {
  const most = Math.max(1, ...rows.map(row => row[1]));
  table(id, ["", "#count", ""], rows.map(([name, number]) => {
    const bar = make("div", "", "bar");
    bar.style.width = `${8 * number / most}rem`;
    return [name, count(number), bar];
  }), empty);
}

export const tile = (label, value) => make("div", [make("b", value), make("span", label)], "tile");

export function button(label, act) {
  const made = make("button", label, "small");
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

/** Ask whether it is really meant; resolves to true or false. */
export function confirmed(text) {
  const dialog = find("ask");
  find("ask-text").textContent = text;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise(resolve => dialog.addEventListener(
    "close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
