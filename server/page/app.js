// When the page asks, and what its buttons do. Knows the gateway's routes. Does not know how their
// answers are shown (figures.js).

import { button, confirmed, find, make } from "./dom.js";
import * as figures from "./figures.js";

const POLL_MS = 2000, BOARD_MS = 15000;
let mine = { scopes: [] }, board = null, paused = false, live = null, opened = null, gateShown = null;

async function ask(path, method = "GET", body) {
  const answer = await fetch(path, { method, cache: "no-store",
    headers: body ? { "Content-Type": "application/json" } : {}, body: body && JSON.stringify(body) });
  if (answer.status === 401) location.assign("login");
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.detail ?? found.title);
  return found;
}

function complain(error) {
  find("note").textContent = error.message;
  find("note").hidden = false;
}

async function act(text, path, method, body) {
  if (!await confirmed(text)) return;
  find("note").hidden = true;
  try { await ask(path, method, body); } catch (error) { complain(error); return; }
  await poll();
}

const may = scope => mine.scopes.includes(scope);

function more(policy) {
  const parts = [button("manifest", () => showManifest(policy.name))];
  if (["candidate", "canary"].includes(policy.status) && may("admin")) {
    parts.push(button("promote…", () => act(`Make ${policy.name} live for everybody?`,
      `v1/policies/${policy.name}/promote`, "POST")),
    button("refuse…", () => act(`End ${policy.name} for good? It is unloaded and never serves again.`,
      `v1/policies/${policy.name}/refuse`, "POST")));
  }
  return make("span", parts);
}

async function showManifest(name) {
  opened?.remove();
  try { opened = make("div", [make("b", name), figures.manifest(await ask(`v1/policies/${name}/manifest`))]); }
  catch (error) { opened = make("p", error.message, "soft"); }
  find("policies").after(opened);
}

async function poll() {
  try {
    const status = await ask("v1/status");
    for (const show of [figures.head, figures.outcomes, figures.engine]) show(status);
    const decided = JSON.stringify(status.decisions ?? []);
    // Drawn anew, what somebody has opened there would close under their eyes.
    if (decided !== gateShown) figures.gate(status);
    gateShown = decided;
    figures.policies(status, more);
    ({ paused, live } = status);
    find("pause").textContent = paused ? "Resume promotions…" : "Pause promotions…";
    find("actions").hidden = !may("admin");
  } catch (error) {
    find("state").textContent = error instanceof TypeError ? "gateway away" : error.message;
    find("state").className = "badge bad";
  }
}

function drawBoard() {
  if (!board) return;
  const by = document.querySelector("input[name=by]:checked").value;
  for (const show of [figures.taken, figures.survival]) show(board, by);
  for (const show of [figures.latency, figures.holdout]) show(board);
}

async function pollBoard() {
  try {
    board = await ask(`v1/dashboard?days=${find("days").value}`);
    drawBoard();
    figures.runs(await ask("v1/runs"));
  } catch (error) { if (!(error instanceof TypeError)) complain(error); }
}

async function again(task, pause) {
  for (;;) {
    await task();
    await new Promise(resolve => setTimeout(resolve, pause));
  }
}

find("rollback").addEventListener("click", () => {
  // What is on the page now is what is meant, whatever goes live while somebody reads the question.
  const body = { live };
  act(`Leave ${live ?? "the base model"} for the version before, at once? It stays loaded: rolling ` +
    "back again undoes it.", "v1/rollback", "POST", body);
});
find("pause").addEventListener("click", () => act(paused
  ? "Let versions that pass the gate go live by themselves again?"
  : "Let versions that pass the gate wait until somebody promotes them?",
  "v1/promotions", "PUT", { paused: !paused }));
find("days").addEventListener("change", pollBoard);
for (const choice of document.querySelectorAll("input[name=by]")) choice.addEventListener("change", drawBoard);

ask("v1/me").then(found => {
  mine = found;
  find("leave").hidden = !found.signed_in;
}).catch(complain).finally(() => { again(poll, POLL_MS); again(pollBoard, BOARD_MS); });
