import assert from "node:assert/strict";
import test from "node:test";
import type { Status } from "../src/messages";
import { facts, label } from "../src/statusText";

const STATUS: Status = {
  version: "0.1.0",
  gateway: { url: "http://127.0.0.1:8765", connected: true, trouble: "" },
  policy_version: "hone-000042",
  base_model: "hone-tiny",
  feedback_level: "facts",
  pending_events: 0,
  refused_events: 0,
  spool_trouble: null,
  last_silence: null,
};

test("the level of feedback is always on screen", () => {
  assert.match(label("running", STATUS).text, /facts/);
  const away = { ...STATUS, gateway: { ...STATUS.gateway, connected: false, trouble: "connection refused" } };
  assert.match(label("running", away).text, /facts/);
});

test("a gateway that does not answer is a warning with its reason", () => {
  const gateway = { ...STATUS.gateway, connected: false, trouble: "connection refused" };
  const said = label("running", { ...STATUS, gateway });
  assert.equal(said.warning, true);
  assert.match(said.tooltip, /connection refused/);
});

test("the reason of the last silence is told", () => {
  const silent = { ...STATUS, last_silence: { reason: "excluded", detail: "the file is ignored" } };
  assert.match(label("running", silent).tooltip, /the file is ignored/);
});

test("what waits is told only if something does", () => {
  assert.deepEqual(facts(STATUS), ["Feedback: facts"]);
  assert.equal(facts({ ...STATUS, pending_events: 3 }).length, 2);
});

test("without trust or a server there is no status to show", () => {
  assert.match(label("untrusted", undefined).tooltip, /trusted/);
  assert.equal(label("stopped", undefined).warning, true);
});
