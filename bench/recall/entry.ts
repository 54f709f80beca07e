// Owns the Worker that recalls are measured on: the production one, with a route more, that ends a life of a
// workspace's object. The platform does so now and then by itself.

import { FileObject, OrganizationObject, WorkspaceObject as Workspaces } from "../../src/index.ts";
import worker from "../../src/index.ts";

export { FileObject, OrganizationObject };

export class WorkspaceObject extends Workspaces {
  async evict(): Promise<void> {
    this.ctx.abort("evicted by the bench");
  }
}

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/bench/evict") return worker.fetch(request, env, ctx);
    const id = env.WORKSPACES.idFromString(searchParams.get("workspace") ?? "");
    const workspace: object = env.WORKSPACES.get(id);
    await (workspace as WorkspaceObject).evict().catch(() => undefined);
    return new Response(null, { status: 204 });
  },
} satisfies ExportedHandler<Env>;
