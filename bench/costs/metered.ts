// Owns the production Worker and objects with the meter between them and their bindings.

import {
  FileObject as Files,
  OrganizationObject as Organizations,
  WorkspaceObject as Workspaces,
} from "../../src/index.ts";
import worker from "../../src/index.ts";
import { count, meterEnv, meterStorage } from "./meter.ts";

export class FileObject extends Files {
  constructor(ctx: DurableObjectState, env: Env) {
    super(meterStorage(ctx), meterEnv(env));
  }
  override async alarm(): Promise<void> {
    count("objectRequests");
    await super.alarm();
  }
  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    count("socketMessages");
    await super.webSocketMessage(socket, message);
  }
}

export class WorkspaceObject extends Workspaces {
  constructor(ctx: DurableObjectState, env: Env) {
    super(meterStorage(ctx), meterEnv(env));
  }
  override async alarm(): Promise<void> {
    count("objectRequests");
    await super.alarm();
  }
}

export class OrganizationObject extends Organizations {
  constructor(ctx: DurableObjectState, env: Env) {
    super(meterStorage(ctx), meterEnv(env));
  }
  override async alarm(): Promise<void> {
    count("objectRequests");
    await super.alarm();
  }
}

export const fetchMetered = (request: Request, env: Env, ctx: ExecutionContext) =>
  worker.fetch(request, meterEnv(env), ctx);
