// Owns the table of the lock rules, written out rather than computed.

import type { Level } from "../../../src/domain/locks/state.ts";

export const COMPATIBLE: Record<Level, Record<Level, boolean>> = {
  read: { read: true, write: true, exclusive: false },
  write: { read: true, write: false, exclusive: false },
  exclusive: { read: false, write: false, exclusive: false },
};
