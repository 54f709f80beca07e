// Owns `npm run demo`: an ETL pipeline of separate processes that coordinate only through Holdfast, one of which
// crashes; then the race of twenty agents for one file. Ends with an error if anything promised does not hold.
//   npm run demo                 for people
//   npm run demo -- --json       the figures alone
//   npm run demo -- --rounds 5   each mode races that many times, in turn

import { parseArgs } from "node:util";
import { failuresOf, pipelineText, raceText } from "./demo/words.ts";
import { runPipeline } from "./etl/pipeline.ts";
import { holdfastModes } from "./race/holdfast.ts";
import { ittyMode } from "./race/itty.ts";
import { type Figures, race } from "./race/race.ts";
import { openWorld, type World } from "./world.ts";

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, rounds: { type: "string", default: "3" } },
});
const SIZE = { agents: 20, updates: 25, rounds: Number(values.rounds) };

const say = (text: string): void => void (values.json || process.stdout.write(`${text}\n`));

const world = await openWorld("demo");
try {
  say(`Holdfast at ${world.url}${world.isOwn ? ", started for this demo" : ""}; workspace ${world.workspaceId}\n`);
  const pipeline = await runPipeline(world);
  say(pipelineText(pipeline));
  const figures = await runRace(world);
  say(raceText(figures, SIZE));

  const failures = failuresOf(pipeline, figures);
  if (values.json) process.stdout.write(`${JSON.stringify({ pipeline, race: figures, failures }, null, 2)}\n`);
  for (const failure of failures) process.stderr.write(`FAILED: ${failure}\n`);
  if (failures.length > 0) process.exitCode = 1;
} finally {
  await world.close();
}

async function runRace(world: World): Promise<Figures[]> {
  const members = [];
  for (let n = 0; n < SIZE.agents; n++) members.push(await world.hire(`racer-${n}`));
  return race([...holdfastModes(world, members), ittyMode], SIZE);
}
