// Owns the list of all operations: the policy of the product, read top-down. Everything that faces the outside is
// derived from it.

import { directoryOperations } from "./directory.ts";
import { fileOperations } from "./files.ts";
import { lockOperations } from "./locks.ts";
import type { Operation } from "./operation.ts";
import { workspaceOperations } from "./workspaces.ts";

export const OPERATIONS: readonly Operation[] = [
  ...directoryOperations,
  ...workspaceOperations,
  ...fileOperations,
  ...lockOperations,
];
