// What each part of the page shows of the gateway's answers. Knows their shapes. Does not know when
// they are asked for (app.js).

import { lines, COLOURS } from "./charts.js";
import { badge, bars, count, find, make, ms, percent, table, tableOf, tile, words } from "./dom.js";

const interval = row => row.low == null ? "" : `${percent(row.low)} to ${percent(row.high)}`;
const day = at => new Date(at).toISOString().slice(5, 10);

function sum(rows, key) {
  const totals = new Map();
  for (const row of rows) totals.set(key(row), (totals.get(key(row)) ?? 0) + row.count);
  return [...totals].sort((a, b) => b[1] - a[1]);
}

function grouped(rows, x, y) {
  const found = new Map();
  for (const row of rows) {
    if (!found.has(row.name)) found.set(row.name, []);
    found.get(row.name).push({ x: x(row), y: y(row), low: row.low, high: row.high });
  }
  return [...found].map(([name, points]) => ({ name: name || "none", points })).slice(0, COLOURS);
}

function leftOut(id, one, board) {
  if (!one.left_out) return;
  find(id).append(make("p", `${one.left_out} left out: fewer than ${board.fewest_people} people, or ` +
    "the one by which such a group could be told.", "soft"));
}

export function taken(board, by) {
  const one = board.taken[by];
  const rows = one.totals.map(row =>
    [row.name || "none", count(row.taken), count(row.shown), percent(row.share), interval(row)]);
  table("taken", [by, "#taken", "#on screen", "#share", "#95 %"], rows,
    "No feedback on suggestions on screen yet.");
  leftOut("taken", one, board);
  const series = grouped(one.series, row => Date.parse(row.day), row => row.share);
  find("taken-chart").replaceChildren(...(series.length ? [lines(series, {
    title: `Share of suggestions taken per day, by ${by}`, label: day, value: percent, from: 0 })] : []));
}

export function survival(board, by) {
  const one = board.survival[by], rows = one.totals;
  const ages = [...new Set(rows.map(row => row.horizon_s))].sort((a, b) => a - b);
  const names = [...new Set(rows.map(row => row.name))];
  const at = (name, age) => rows.find(row => row.name === name && row.horizon_s === age);
  const cell = row => !row?.observed ? "–"
    : `${(100 * row.retained).toFixed(0)} ± ${(50 * (row.high - row.low)).toFixed(0)}`;
  const total = (name, key) => rows.filter(row => row.name === name)
    .reduce((sum, row) => sum + row[key], 0);
  table("survival", [`% left, by ${by}, at`, ...ages.map(age => `#${age} s`), "#reverted", "#not seen"],
    names.map(name => [name || "none", ...ages.map(age => cell(at(name, age))),
      count(total(name, "reverted")), count(total(name, "unobserved"))]),
    "No accepted edit was looked at yet.");
  leftOut("survival", one, board);
  // Ages from 0 s to 900 s: on a plain axis all but the last two would be one point.
  const aged = grouped(rows.filter(row => row.observed), row => Math.log1p(row.horizon_s), row => row.retained);
  find("survival-chart").replaceChildren(...(aged.length ? [lines(aged, {
    title: `What is left of accepted edits by age, by ${by}`, from: 0, to: 1, value: percent,
    label: at => `${Math.round(Math.expm1(at))} s` })] : []));
  const daily = grouped(one.series, row => Date.parse(row.day), row => row.retained);
  find("survival-days").replaceChildren(...(daily.length ? [lines(daily, {
    title: `What is left of accepted edits after ${one.followed_s} s, per day, by ${by}`, label: day,
    value: percent, from: 0, to: 1 }), make("p", `After ${one.followed_s} s, by the day of the suggestion.`, "soft")] : []));
}

export function latency(board) {
  table("latency", ["version", "#answers", "#p50", "#p90", "#p99", "#in the editor"],
    board.latency.map(row => [row.name, count(row.answers), ms(row.p50), ms(row.p90), ms(row.p99),
      ms(row.editor_p50)]), "No suggestion was asked for yet.");
}

export function holdout(board) {
  table("holdout", ["version", "#held out", "#with an edit", "#settled", "#region changed"],
    board.holdout.map(row => [row.name, count(row.held_out), count(row.with_edit),
      count(row.settled), count(row.changed)]), "Nothing was held out yet.");
}

export function head(status) {
  const store = status.store ?? {};
  find("state").textContent = status.ready ? "ready" : "not ready";
  find("state").className = `badge ${status.ready ? "good" : "bad"}`;
  find("about").textContent = `version ${status.version}, base model ${status.base_model}, ` +
    `recording: ${status.feedback_level}`;
  const answered = (status.answers ?? []).reduce((total, row) => total + row.with_edit, 0);
  find("tiles").replaceChildren(
    tile(status.canary ? `live, ${status.canary} is canary` : "live policy", status.live ?? "base model"),
    tile("suggestions", count(store.suggestions)),
    tile("with an edit", percent(store.suggestions ? answered / store.suggestions : null)),
    tile("outcomes", count(store.outcomes)), tile("settled", count(store.settled)),
    tile("quarantined", count(store.quarantined)), tile("batches", count(store.batches)));
  const trouble = store.trouble ? `The store takes nothing: ${store.trouble}` : "";
  find("trouble").textContent = trouble;
  find("trouble").hidden = !trouble;
}

export function policies(status, more) {
  // A training run leaves one retired snapshot per update: nobody looks for those.
  const versions = status.policies.filter(p => !(p.status === "retired" && p.name.startsWith("rollout-")));
  table("policies", ["version", "status", "parent", "loaded", ""], versions.toReversed().map(
    p => [p.name, badge(p.status), p.parent ?? "base", p.loaded ? "yes" : "no", more(p)]),
    "None yet: the base model answers.");
  if (status.routes.length) {
    find("policies").append(make("p", status.routes.map(route => `${route.policy} for ` +
      `${route.team ?? "every team"}, ${route.language ?? "every language"}`).join("; "), "soft"));
  }
}

/** What a decision was made of, for those who may see it. */
function inputs(decision) {
  const rows = Object.entries(decision.inputs ?? {}).map(([name, value]) => [words(name),
    typeof value === "number" ? String(+value.toPrecision(4)) : String(value ?? "–")]);
  return rows.length ? [make("details", [make("summary", `${rows.length} inputs`), tableOf(["", "#"], rows)])] : [];
}

export function gate(status) {
  table("decisions", ["version", "", "why", "when (UTC)"], (status.decisions ?? []).map(
    d => [d.policy, badge(d.passed ? "passed" : "refused"), make("div", [d.why, ...inputs(d)]),
      d.at.slice(5, 16).replace("T", " ")]), "No gate has decided yet.");
}

export function outcomes(status) {
  bars("outcomes", sum((status.outcomes ?? []).filter(row => !row.holdout), row => words(row.outcome)),
    "No feedback yet.");
  bars("silences", sum(status.silences ?? [], row => words(row.reason)), "None so far.");
}

export function engine(status) {
  const { engine } = status;
  table("engine", ["replica", "", "#under way", "#in vLLM", "#waiting in it", "loaded"], engine.replicas.map(one =>
    [one.name, badge(one.state), count(one.in_flight), one.running ?? "–", one.waiting ?? "–",
      one.problem || one.loaded.join(", ") || "nothing"]), "");
  const said = [`suggestions under way: ${status.in_flight}`, `rollouts' requests: ${status.rollouts}`,
    `entries waiting to be written: ${status.waiting_entries}`, `restarts: ${engine.restarts}`,
    ...Object.entries(engine.refusals).map(([name, why]) => `${name} refused: ${why}`)];
  find("engine").append(make("p", said.join(" · "), "soft"));
}

export function runs(found) {
  const shown = found.map(run => {
    const names = ["reward", "exact", "silence"].filter(name => run.curves.some(p => name in p));
    const series = names.map(name => ({ name, points: run.curves.filter(p => name in p)
      .map(p => ({ x: p.step, y: p[name] })) }));
    const title = make("div", [make("b", run.name), " ", badge(run.result ?? "did not end")]);
    const about = `${run.method ?? ""} ${run.policy ? `→ ${run.policy}` : ""} · ` +
      `${count(run.counts.train)} learnt from, ${count(run.counts.held)} held back`;
    const chart = series.length ? lines(series, { title: `Run ${run.name}`, from: 0,
      label: at => `update ${at}`, value: at => at.toFixed(2) }) : make("p", "no updates", "soft");
    return make("div", [title, make("div", about, "soft"), chart], "run");
  });
  find("runs").replaceChildren(shown.length ? make("div", shown, "runs")
    : make("p", "Nothing was trained yet: hone-trainer run, or watch.", "soft"));
}

export const manifest = found => tableOf(["", ""], Object.entries(found)
  .filter(([name]) => name !== "files").map(([name, value]) => [words(name),
    typeof value === "object" && value ? make("pre", JSON.stringify(value, null, 1)) : value]));
