// Owns what the Worker and a file's object say to each other over a waiter's connection. Pure data, as JSON.

import type { Call } from "./calls.ts";
import type { FileView } from "./content.ts";
import type { LockId } from "./ids.ts";
import type { LockAnswer } from "./locks/answers.ts";
import type { Result } from "./result.ts";

/** Who waits on a connection, and for what. */
export interface Turn {
  call: Call;
  lock: LockId;
  /** Whether the content is wanted along with the lock. */
  content: boolean;
}

/** The object: it is worth asking again. */
export const YOUR_TURN = "turn";
/** The Worker: give me what my turn brought. Answered with a `Claimed`. */
export const CLAIM = "claim";

export interface Claimed {
  answer: Result<LockAnswer>;
  content: CarriedContent | null;
}

/** Content small enough to travel with a lock. */
export interface CarriedContent {
  version: FileView["version"];
  base64: string;
}
