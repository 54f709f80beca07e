// Owns the shape of what one command changes in a file. Everything in it becomes durable together.

import type { Unnumbered } from "../../src/domain/events.ts";
import type { Decision } from "../../src/domain/locks/decide.ts";
import type { FileRecord } from "./tables.ts";

export interface Change {
  decision?: Decision;
  record?: Partial<FileRecord>;
  events?: Unnumbered[];
  /** Further statements for the same transaction. */
  also?: () => void;
}
