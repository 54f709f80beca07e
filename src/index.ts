export { FileObject } from "../durable-objects/file.ts";
export { WorkspaceObject } from "../durable-objects/workspace.ts";
export default { fetch: () => new Response("ok") };
