// Owns the list of all operations: the policy of the product, read top-down. Everything that faces the outside is
// derived from it.

import { accessOperations } from "./access.ts";
import { fileOperations } from "./files.ts";
import { groupOperations } from "./groups.ts";
import { handoffOperations } from "./handoffs.ts";
import { invitationOperations } from "./invitations.ts";
import { keyOperations } from "./keys.ts";
import { lockOperations } from "./locks.ts";
import type { Operation } from "./operation.ts";
import { ownershipOperations } from "./ownership.ts";
import { organizationOperations } from "./organizations.ts";
import { principalOperations } from "./principals.ts";
import { accessReport, organizationReports } from "./reports.ts";
import { workspaceOperations } from "./workspaces.ts";

export const OPERATIONS: readonly Operation[] = [
  ...organizationOperations,
  ...principalOperations(isOperation),
  ...keyOperations(isOperation),
  ...groupOperations,
  ...invitationOperations,
  ...ownershipOperations,
  ...workspaceOperations,
  ...accessOperations,
  accessReport(() => OPERATIONS),
  ...organizationReports,
  ...fileOperations,
  ...lockOperations,
  ...handoffOperations,
];

function isOperation(asked: string): boolean {
  return OPERATIONS.some(({ name }) => name === asked);
}
