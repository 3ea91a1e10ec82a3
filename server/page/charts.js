// Line charts with intervals, as plain SVG. Knows numbers and places. Does not know what they mean;
// a table beside every chart says the same to those who cannot see it.

import { make } from "./dom.js";

const WIDTH = 520, HEIGHT = 190, LEFT = 44, BOTTOM = 24, TOP = 8, RIGHT = 10;
export const COLOURS = 6;

function shape(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/**
 * Draw series of {name, points: [{x, y, low?, high?}]}.
 * `x` are numbers; `label(x)` and `value(y)` say them in words.
 */
export function lines(series, { title, label, value, from, to }) {
  const points = series.flatMap(one => one.points);
  const xs = points.map(p => p.x), ys = points.flatMap(p => [p.y, p.low ?? p.y, p.high ?? p.y]);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const low = from ?? Math.min(...ys), high = Math.max(to ?? -Infinity, ...ys, low + 1e-9);
  const x = v => LEFT + (right === left ? 0.5 : (v - left) / (right - left)) * (WIDTH - LEFT - RIGHT);
  const y = v => HEIGHT - BOTTOM - (v - low) / (high - low) * (HEIGHT - BOTTOM - TOP);
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  svg.append(shape("title", {}, title));
  for (const part of [0, 0.5, 1]) {
    const at = low + part * (high - low);
    svg.append(shape("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(at), y2: y(at) }));
    svg.append(shape("text", { x: LEFT - 6, y: y(at) + 4, "text-anchor": "end" }, value(at)));
  }
  for (const at of left === right ? [left] : [left, right]) {
    const anchor = at === left ? (left === right ? "middle" : "start") : "end";
    svg.append(shape("text", { x: x(at), y: HEIGHT - 6, "text-anchor": anchor }, label(at)));
  }
  series.forEach((one, number) => draw(svg, one.points, number % COLOURS, x, y));
  return make("div", [svg, legend(series)]);
}

function draw(svg, points, colour, x, y) {
  const known = points.filter(p => p.low != null && p.high != null);
  if (known.length > 1) {
    const rim = [...known.map(p => [p.x, p.high]), ...known.toReversed().map(p => [p.x, p.low])];
    svg.append(shape("polygon", { class: `band s${colour}`, points: rim.map(([a, b]) => `${x(a)},${y(b)}`).join(" ") }));
  } else {
    for (const p of known) svg.append(shape("line", { class: `s${colour}`, x1: x(p.x), x2: x(p.x), y1: y(p.low), y2: y(p.high) }));
  }
  const path = points.map((p, i) => `${i ? "L" : "M"}${x(p.x)} ${y(p.y)}`).join("");
  svg.append(shape("path", { class: `curve s${colour}`, d: path, style: "fill:none" }));
  if (points.length < 40) {
    for (const p of points) svg.append(shape("circle", { class: `s${colour}`, cx: x(p.x), cy: y(p.y), r: 2.5 }));
  }
}

function legend(series) {
  return make("div", series.map((one, number) =>
    make("span", [make("i", "", `s${number % COLOURS}`), one.name])), "legend");
}
