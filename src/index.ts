// Exports the Worker and the object classes; nothing else.

import { rest } from "./faces/rest.ts";

export { FileObject } from "../durable-objects/file.ts";
export { OrganizationObject } from "../durable-objects/organization.ts";
export { WorkspaceObject } from "../durable-objects/workspace.ts";

export default { fetch: rest.fetch } satisfies ExportedHandler<Env>;
