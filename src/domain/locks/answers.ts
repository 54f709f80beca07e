// Owns what the Worker and a file's object tell each other about locks. Pure data.

import type { LockId } from "../ids.ts";
import type { HolderView } from "../problems.ts";
import type { Standing } from "./standing.ts";
import type { Lock, Request } from "./state.ts";

/** A request's standing, with what surrounds it. */
export interface LockAnswer {
  standing: Standing;
  holders: HolderView[];
  queueLength: number;
}

/** What an override ended, and the lock it took; null when none was asked for. */
export interface OverrideAnswer {
  ended: HolderView[];
  lock: Lock | null;
}

export interface LockOverview {
  locks: (HolderView & { mine: LockId | null })[];
  queue: (Pick<Request, "holder" | "level" | "priority" | "purpose" | "arrivedAt"> & { mine: LockId | null })[];
  /** No commit below this token is accepted. */
  fence: number;
}
