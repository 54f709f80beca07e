// Owns the third step: looks until the clean data are there, reads them under a shared lock so that nobody changes them
// underneath, and writes the report.

import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { expected } from "../client.ts";
import { CleanData, PATHS, station } from "./station.ts";
import { Strike, summarize } from "./strikes.ts";

const LOOK_EVERY_MS = 100;

const { holdfast, at, acquire, report, leave } = station();

async function isReady(): Promise<boolean> {
  const read = await holdfast.read(at(PATHS.clean));
  if (!read.ok && read.code === "not_found") return false;
  return CleanData.parse(JSON.parse(expected(read))).strikes !== null;
}

report(`looks for ${PATHS.clean}`);
while (!(await isReady())) await sleep(LOOK_EVERY_MS);

const { lockId } = await acquire(PATHS.clean, "read", 30, "report");
const { strikes } = z
  .object({ strikes: z.array(Strike) })
  .parse(JSON.parse(expected(await holdfast.read(at(PATHS.clean)))));
expected(await holdfast.write(at(PATHS.summary), JSON.stringify(summarize(strikes))));
expected(await holdfast.release(at(PATHS.clean), lockId));
report(`wrote ${PATHS.summary}`);
leave();
