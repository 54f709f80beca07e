// The Worker under test: the production one, in the real runtime, with a meter and switchable faults between it and
// its bindings. Both pass everything through until a test asks for more.

import {
  FileObject as Files,
  OrganizationObject as Organizations,
  WorkspaceObject as Workspaces,
  fetchMetered,
} from "../../bench/costs/metered.ts";
import { faultyEnv } from "../support/faults.ts";

export class FileObject extends Files {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, faultyEnv(env, ctx));
  }

  /** Ends this life of the object, with everything that is under way. */
  async die(): Promise<void> {
    this.ctx.abort("on purpose");
  }
}

export class WorkspaceObject extends Workspaces {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, faultyEnv(env, ctx));
  }

  /** Ends this life of the object, with everything that is under way. */
  async die(): Promise<void> {
    this.ctx.abort("on purpose");
  }
}

export class OrganizationObject extends Organizations {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, faultyEnv(env));
  }
}

export default {
  fetch: (request, env, ctx) => fetchMetered(request, faultyEnv(env), ctx),
} satisfies ExportedHandler<Env>;
