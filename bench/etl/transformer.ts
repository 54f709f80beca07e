// Owns the second step: waits for the raw data, cleans them, and writes /clean under a short lock that it keeps alive
// with heartbeats. If it dies, the lock ends by itself and another transformer does the same work.

import { setTimeout as sleep } from "node:timers/promises";
import { expected } from "../client.ts";
import { Manifest, PATHS, station } from "./station.ts";
import { clean } from "./strikes.ts";

/** Seconds: as long as a successor has to wait if this process dies. */
const TTL = 2;
/** As if cleaning were work. */
const PAUSE_MS = 100;

const { holdfast, at, acquire, report, leave } = station();
const raw = await acquire(PATHS.manifest, "read", 30, "read the raw data");
const { chunks } = Manifest.parse(JSON.parse(expected(await holdfast.read(at(PATHS.manifest)))));

// A lock needs a file; whichever transformer comes first makes it.
const made = await holdfast.write(at(PATHS.clean), JSON.stringify({ strikes: null }), { ifNoneMatch: "*" });
if (!made.ok && made.code !== "precondition_failed") expected(made);

const { lockId } = await acquire(PATHS.clean, "exclusive", TTL, "clean the data");
const strikes = [];
for (const path of chunks) {
  await sleep(PAUSE_MS);
  strikes.push(...clean(expected(await holdfast.read(at(path)))));
  expected(await holdfast.renew(at(PATHS.clean), lockId));
}
expected(await holdfast.write(at(PATHS.clean), JSON.stringify({ strikes }), { lock: lockId }));
expected(await holdfast.release(at(PATHS.clean), lockId));
report(`wrote and released ${PATHS.clean} (${strikes.length} strikes)`);
expected(await holdfast.release(at(PATHS.manifest), raw.lockId));
leave();
