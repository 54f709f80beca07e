// Owns where each operation is found over REST. A file is named by its id or by its path in a workspace, so every
// operation on a file has two routes.

import type { Operation } from "../operations/operation.ts";

export interface Route {
  operation: Operation;
  /** With parameters in braces. */
  pattern: string;
  /** Whether the file is named by its path, in the query. */
  byPath: boolean;
}

const route = (operation: Operation, pattern: string, byPath = false): Route => ({ operation, pattern, byPath });

export function routesOf(operation: Operation): Route[] {
  switch (operation.on) {
    case "deployment":
    case "organization":
    case "token":
      return [route(operation, operation.path)];
    case "workspace":
      return [route(operation, `/api/workspaces/{workspaceId}${operation.path}`)];
    case "file":
    case "content":
      return [
        route(operation, `/api/files/{fileId}${operation.path}`),
        route(operation, `/api/workspaces/{workspaceId}/file${operation.path}`, true),
      ];
  }
}

const braces = (pattern: string): number => pattern.split("{").length;

/** Routes by their pattern, those with fewer braces first: `/lock/override` is not the lock named "override". */
export function byPattern(routes: Route[]): [pattern: string, routes: Route[]][] {
  return [...Map.groupBy(routes, ({ pattern }) => pattern)].toSorted(([a], [b]) => braces(a) - braces(b));
}
