// Owns the first step: lays the data set down under /raw, in chunks, while it holds the lock on the manifest. Who asks
// for the manifest meanwhile waits until the raw data are complete.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { expected } from "../client.ts";
import { PATHS, station } from "./station.ts";
import { chunksOf, SOURCE } from "./strikes.ts";

const ROWS = 2500;
/** As if the source were remote. */
const PAUSE_MS = 100;

const { holdfast, at, acquire, report, leave } = station();
expected(await holdfast.write(at(PATHS.manifest), JSON.stringify({ chunks: [] }), { ifNoneMatch: "*" }));
const { lockId } = await acquire(PATHS.manifest, "exclusive", 10, "extract the raw data");

const chunks: string[] = [];
for (const csv of chunksOf(await readFile(SOURCE, "utf8"), ROWS)) {
  await sleep(PAUSE_MS);
  const path = PATHS.chunk(chunks.length + 1);
  expected(await holdfast.write(at(path), csv));
  chunks.push(path);
  report(`wrote ${path} (${Math.round(csv.length / 1024)} KiB)`);
}
expected(await holdfast.write(at(PATHS.manifest), JSON.stringify({ chunks }), { lock: lockId }));
expected(await holdfast.release(at(PATHS.manifest), lockId));
report(`wrote and released ${PATHS.manifest}`);
leave();
