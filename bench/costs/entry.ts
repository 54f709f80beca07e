// Owns the Worker that the ledger measures: the metered production code, with three more routes to work the meter.

import { readCosts, resetCosts } from "./meter.ts";
import {
  fetchMetered,
  FileObject as Files,
  OrganizationObject as Organizations,
  WorkspaceObject as Workspaces,
} from "./metered.ts";

export class FileObject extends Files {
  async settle(): Promise<void> {
    await ringNow(this.ctx, () => this.alarm());
  }
  async waiting(): Promise<number> {
    return this.ctx.getWebSockets().length;
  }
}

export class WorkspaceObject extends Workspaces {
  async settle(): Promise<void> {
    await ringNow(this.ctx, () => this.alarm());
  }
}

export class OrganizationObject extends Organizations {
  async settle(): Promise<void> {
    await ringNow(this.ctx, () => this.alarm());
  }
}

/** Does now what the alarm would do later, if one is set. */
async function ringNow({ storage }: DurableObjectState, alarm: () => Promise<void>): Promise<void> {
  if ((await storage.getAlarm()) === null) return;
  await storage.deleteAlarm();
  await alarm();
}

/** What the subclasses above have beyond the production classes that the generated types know. */
interface Measured {
  settle(): Promise<void>;
  waiting(): Promise<number>;
}

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    const file = searchParams.get("file");
    if (pathname === "/costs/reset") resetCosts();
    else if (pathname === "/costs/settle") await settle(env, searchParams);
    else if (pathname === "/costs/waiting") return Response.json(await measured(env.FILES, file ?? "").waiting());
    else if (pathname !== "/costs/read") return fetchMetered(request, env, ctx);
    return Response.json(readCosts());
  },
} satisfies ExportedHandler<Env>;

async function settle(env: Env, of: URLSearchParams): Promise<void> {
  const [file, workspace, organization] = ["file", "workspace", "organization"].map((what) => of.get(what) ?? "");
  if (file) await measured(env.FILES, file).settle();
  if (workspace) await measured(env.WORKSPACES, workspace).settle();
  if (organization) await settling(env.ORGANIZATIONS.get(env.ORGANIZATIONS.idFromName(organization))).settle();
}

interface Namespace {
  get(id: DurableObjectId): object;
  idFromString(id: string): DurableObjectId;
}

const settling = (object: object): Measured => object as Measured;
const measured = (objects: Namespace, id: string): Measured => settling(objects.get(objects.idFromString(id)));
