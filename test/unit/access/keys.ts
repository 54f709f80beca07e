// Owns what fast-check draws about keys: scopes of every kind, and calls made with them.

import * as fc from "fast-check";
import type { Scopes } from "../../../src/domain/access/scopes.ts";
import type { Target } from "../../../src/domain/access/grants.ts";
import type { WorkspaceId } from "../../../src/domain/ids.ts";
import { type AnyPermission, ORGANIZATION_PERMISSIONS, PERMISSIONS } from "../../../src/domain/permissions.ts";
import { depth, folderOf, path } from "./worlds.ts";

/** What is done with a key, and where. */
interface Call {
  action: string;
  permission: AnyPermission;
  workspace: WorkspaceId;
  target: Target;
}

export interface Attempt {
  scopes: Scopes;
  call: Call;
}

const ACTIONS = ["files.read", "files.write", "audit.read"];
const workspace = fc.constantFrom(...(["ws_1", "ws_1", "ws_2"] as WorkspaceId[]));
const kind = fc.constantFrom("workspace", "folder", "file", "file");

/** Places are cut from two paths, and so are the targets. */
const place = fc.record({ workspace, of: fc.nat(1), depth });

const drawn = fc.record({
  paths: fc.tuple(path, path),
  readOnly: fc.boolean(),
  operations: fc.option(fc.subarray(ACTIONS), { freq: 3 }),
  places: fc.option(fc.array(place, { maxLength: 3 }), { freq: 3 }),
  action: fc.constantFrom(...ACTIONS),
  permission: fc.constantFrom<AnyPermission>(...PERMISSIONS, ...ORGANIZATION_PERMISSIONS),
  workspace,
  kind,
  depth,
});

function targetOf(kind: string, path: string, depth: number): Target {
  if (kind === "workspace") return { path: null, file: null };
  return { path: kind === "folder" ? folderOf(path, depth) : path, file: null };
}

export const attempts: fc.Arbitrary<Attempt> = drawn.map(
  ({ paths, readOnly, operations, places, action, permission, workspace, kind, depth }) => ({
    scopes: {
      readOnly,
      operations,
      places:
        places?.map((place) => ({
          workspace: place.workspace,
          folder: folderOf(paths[place.of] ?? paths[0], place.depth),
        })) ?? null,
    },
    call: { action, permission, workspace, target: targetOf(kind, paths[0], depth) },
  }),
);
