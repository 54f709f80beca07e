// Owns what the Worker and a file's object say to each other over a waiter's connection. Pure data.

import type { Call } from "./calls.ts";
import type { LockId } from "./ids.ts";

/** Who waits on a connection, and for what. */
export interface Turn {
  call: Call;
  lock: LockId;
}

/** The object: it is worth asking again. */
export const YOUR_TURN = "turn";
/** The Worker: give me what my turn brought. Answered with a Result of the claim, as JSON. */
export const CLAIM = "claim";
