// The Worker under test: the production one, in the real runtime.

export { default, FileObject, WorkspaceObject } from "../../src/index.ts";
