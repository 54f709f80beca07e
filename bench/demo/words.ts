// Owns how the demo's results read, and which of them are promises that must hold. Pure.

import type { Outcome } from "../etl/pipeline.ts";
import type { Figures, RaceSize } from "../race/race.ts";
import { THINK_MS } from "../race/mode.ts";
import { round, table } from "../stats.ts";

export function pipelineText({ reports, summary, isRight, lateWrite, recoveryMs, seconds }: Outcome): string {
  const began = Math.min(...reports.map(({ at }) => at));
  const timeline = reports
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, agent, did, lock }) => {
      const granted = lock === undefined ? "" : `; waited ${lock.waitedMs} ms, fencing token ${lock.token}`;
      return `${`+${at - began} ms`.padStart(9)}  ${agent.padEnd(14)} ${did}${granted}`;
    });
  return [
    "1. A pipeline: extractor, transformer and loader are processes that share nothing but a workspace.",
    "",
    ...timeline,
    "",
    `   The report (${summary.strikes} wildlife strikes, ${summary.withDamage} with damage, $${summary.cost}) ` +
      (isRight ? "is what the source says." : "IS NOT what the source says."),
    `   ${recoveryMs} ms after the kill the successor held the lock. The dead one's write: ${lateWrite ?? "LET IN"}.`,
    `   ${round(seconds)} s.`,
    "",
  ].join("\n");
}

export function raceText(figures: readonly Figures[], { agents, updates, rounds }: RaceSize): string {
  const header = [
    "",
    "updates",
    "lost",
    "updates/s",
    "update p50 ms",
    "p99 ms",
    "lock wait p50 ms",
    "p99 ms",
    "requests/update",
  ];
  const rows = figures.map((f) => [
    f.title,
    ...[
      f.attempted,
      f.lost,
      f.updatesPerSecond,
      f.updateP50,
      f.updateP99,
      f.lockP50,
      f.lockP99,
      f.requestsPerUpdate,
    ].map((value) => (value === null ? "–" : String(value))),
  ]);
  return [
    `2. A race: ${agents} agents × ${updates} read-modify-writes of one file, ${THINK_MS} ms of thinking in each; ` +
      `${rounds} rounds, the modes in turn.`,
    "",
    table([header, ...rows]),
    "",
    ...figures.map(({ title, how }) => `   ${title}: ${how}`),
  ].join("\n");
}

export function failuresOf({ isRight, lateWrite }: Outcome, figures: readonly Figures[]): string[] {
  const of = (mode: string): Figures | undefined => figures.find((f) => f.mode === mode);
  const [blind, ifMatch, lock, itty] = [of("blind"), of("if-match"), of("lock"), of("itty")];
  const promises: [boolean, string][] = [
    [isRight, "the pipeline's report is not what the source says"],
    [lateWrite === "write_after_expiry", `the dead transformer's write: ${lateWrite ?? "let in"}`],
    [(blind?.lost ?? 0) > 0, "blind updates lost nothing, so the race shows nothing"],
    ...[ifMatch, lock, itty].map((f): [boolean, string] => [f?.lost === 0, `${f?.title}: ${f?.lost} updates lost`]),
    [(lock?.requestsPerUpdate ?? Infinity) <= 4, `${lock?.requestsPerUpdate} requests for an update under a lock`],
    ...[ifMatch, itty].map((f): [boolean, string] => [
      (lock?.updatesPerSecond ?? 0) >= (f?.updatesPerSecond ?? Infinity),
      `${lock?.title} makes ${lock?.updatesPerSecond} updates/s, ${f?.title} ${f?.updatesPerSecond}`,
    ]),
  ];
  return promises.flatMap(([holds, failure]) => (holds ? [] : [failure]));
}
