/** What the status bar says of a status. Pure. */
import type { Status } from "./messages";

export type Stage = "untrusted" | "starting" | "stopped" | "running";

export interface Label {
  readonly text: string;
  readonly tooltip: string;
  readonly warning: boolean;
}

const STAGES: Record<Exclude<Stage, "running">, Label> = {
  untrusted: { text: "$(circle-slash) Hone", tooltip: "Hone starts once this workspace is trusted.", warning: false },
  starting: { text: "$(loading~spin) Hone", tooltip: "Hone's language server is starting.", warning: false },
  stopped: { text: "$(error) Hone", tooltip: "Hone's language server does not run. Click for more.", warning: true },
};

/** Return what to show; the level of feedback is always part of it. */
export function label(stage: Stage, status: Status | undefined): Label {
  if (stage !== "running") return STAGES[stage];
  if (!status) return STAGES.starting;
  const level = status.feedback_level;
  if (!status.gateway.connected) {
    return {
      text: `$(debug-disconnect) Hone: ${level}`,
      tooltip: lines(`No answer from ${status.gateway.url}: ${status.gateway.trouble || "not reached yet"}`, status),
      warning: true,
    };
  }
  return {
    text: `$(sparkle) Hone: ${level}`,
    tooltip: lines(`Connected to ${status.gateway.url}, ${status.policy_version ?? "no policy"}`, status),
    warning: false,
  };
}

/** Return the facts about a status, a line each. */
export function facts(status: Status): string[] {
  const said = [`Feedback: ${status.feedback_level}`];
  const silence = status.last_silence;
  if (silence) said.push(`Last silent because: ${silence.detail || silence.reason}`);
  if (status.pending_events) said.push(`Feedback waiting to be sent: ${status.pending_events}`);
  if (status.refused_events) said.push(`Feedback refused by the gateway: ${status.refused_events}`);
  if (status.spool_trouble) said.push(`Feedback cannot be kept: ${status.spool_trouble}`);
  return said;
}

function lines(first: string, status: Status): string {
  return [first, ...facts(status)].join("\n");
}
