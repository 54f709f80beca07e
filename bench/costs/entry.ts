// Owns the Worker that the ledger measures: the metered production code, with three more routes to work the meter.

import { readCosts, resetCosts } from "./meter.ts";
import { fetchMetered, FileObject as Files, WorkspaceObject as Workspaces } from "./metered.ts";

export class FileObject extends Files {
  /** Does now what the alarm would do later. */
  async settle(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.alarm();
  }
}

export class WorkspaceObject extends Workspaces {
  /** Does now what the alarm would do later. */
  async settle(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.alarm();
  }
}

interface Settling {
  settle(): Promise<void>;
}

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/costs/reset") resetCosts();
    else if (pathname === "/costs/settle") await settle(env, searchParams.get("file"), searchParams.get("workspace"));
    else if (pathname !== "/costs/read") return fetchMetered(request, env, ctx);
    return Response.json(readCosts());
  },
} satisfies ExportedHandler<Env>;

async function settle(env: Env, file: string | null, workspace: string | null): Promise<void> {
  if (file !== null) await settling(env.FILES.get(env.FILES.idFromString(file))).settle();
  if (workspace !== null) await settling(env.WORKSPACES.get(env.WORKSPACES.idFromString(workspace))).settle();
}

/** The generated types know the production classes; here their subclasses answer. */
const settling = (stub: object): Settling => stub as Settling;
