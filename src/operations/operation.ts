// Owns what an operation is. Each is declared once, with everything that the faces need: REST routes, the OpenAPI
// document and (later) MCP tools are derived from these declarations, and `permission` is the authorization policy.

import type { z } from "zod";
import type { Call, Caller, Idempotency, OrganizationCall } from "../domain/calls.ts";
import type { FileId, WorkspaceId, WorkspacePath } from "../domain/ids.ts";
import type { OrganizationPermission, Permission } from "../domain/permissions.ts";
import type { Result } from "../domain/result.ts";
import type { ContentSource, FileView } from "../domain/content.ts";
import type { Incoming } from "../platform/blobs.ts";
import type { FileStub, OrganizationStub, WorkspaceStub } from "../platform/objects.ts";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What every handler is given. */
export interface Context {
  env: Env;
  /** Aborted when the caller goes away. */
  signal: AbortSignal;
  /** Names this request; the same when it is tried again. */
  request: string;
  /** The content that came with the request, for operations that take it. */
  incoming: Incoming;
  /** Whether asking twice is harmless: the operation only reads, or the caller gave an Idempotency-Key. */
  repeatable: boolean;
}

export interface CallContext extends Context {
  caller: Caller;
  call: Call;
}

export interface WorkspaceContext extends CallContext {
  workspaceId: WorkspaceId;
  workspace: () => WorkspaceStub;
}

export interface FileContext extends CallContext {
  fileId: FileId;
  file: () => FileStub;
}

/** A path at which nothing is yet, for operations that create. */
export interface NewFileContext extends WorkspaceContext {
  path: WorkspacePath;
}

/** Content as an answer. */
export interface ContentAnswer {
  view: FileView;
  source: ContentSource;
}

export type Row = Record<string, string | number | null>;

interface Declaration<In extends z.ZodObject, Out> {
  /** snake_case; also the action of its events. */
  name: string;
  title: string;
  /** One paragraph for those who use it. */
  description: string;
  method: Method;
  effect: "reads" | "writes" | "destroys";
  input: In;
  /** Input fields that REST carries in headers. */
  headers?: Partial<Record<keyof z.infer<In> & string, string>>;
  /** Takes raw content as the request's body. */
  takesContent?: true;
  /** The success's status, by the answer. */
  status?(answer: Out): number;
  /** The answer as a table, for those who ask for one: each row has the same fields. */
  rows?: (answer: Out) => Row[];
}

interface JsonAnswer<Out extends z.ZodType> {
  output: Out;
}

/** On the deployment; only the operator may. `path` is the whole REST path. */
export interface DeploymentOperation<In extends z.ZodObject, Out extends z.ZodType>
  extends Declaration<In, z.infer<Out>>, JsonAnswer<Out> {
  on: "deployment";
  path: string;
  permission: "operator";
  handle(context: DeploymentContext, input: z.infer<In>): Promise<Result<z.infer<Out>>>;
}

interface DeploymentContext extends Context {
  idempotency: Idempotency | null;
}

/** On the caller's organization; `path` is the whole REST path. */
export interface OrganizationOperation<In extends z.ZodObject, Out extends z.ZodType>
  extends Declaration<In, z.infer<Out>>, JsonAnswer<Out> {
  on: "organization";
  path: string;
  permission: OrganizationPermission;
  handle(context: OrganizationContext, input: z.infer<In>): Promise<Result<z.infer<Out>>>;
}

export interface OrganizationContext extends Context {
  caller: Caller;
  call: OrganizationCall;
  organization: () => OrganizationStub;
}

/** With a token in its input, which is all that it needs: whoever has it may. `path` is the whole REST path. */
export interface TokenOperation<In extends z.ZodObject, Out extends z.ZodType>
  extends Declaration<In, z.infer<Out>>, JsonAnswer<Out> {
  on: "token";
  path: string;
  permission: "token";
  handle(context: TokenContext, input: z.infer<In>): Promise<Result<z.infer<Out>>>;
}

interface TokenContext extends Context {
  /** Of the key that came along, if one did. */
  caller: Caller | null;
  idempotency: Idempotency | null;
}

/** On a workspace; `path` follows /api/workspaces/{workspaceId}. */
export interface WorkspaceOperation<In extends z.ZodObject, Out extends z.ZodType>
  extends Declaration<In, z.infer<Out>>, JsonAnswer<Out> {
  on: "workspace";
  path: string;
  permission: Permission;
  handle(context: WorkspaceContext, input: z.infer<In>): Promise<Result<z.infer<Out>>>;
}

/**
 * On a file, which is named by id or by path: `path` follows /api/files/{fileId}, and equally
 * /api/workspaces/{workspaceId}/file with the file's path in the query (?path=/a/b.csv).
 */
export interface FileOperation<In extends z.ZodObject, Out extends z.ZodType>
  extends Declaration<In, z.infer<Out>>, JsonAnswer<Out> {
  on: "file";
  path: string;
  permission: Permission;
  handle(context: FileContext, input: z.infer<In>): Promise<Result<z.infer<Out>>>;
  /** What to do by path when nothing is there; without it, that is not found. */
  create?(context: NewFileContext, input: z.infer<In>): Promise<Result<z.infer<Out>>>;
}

/** As a file operation, but the answer is content. */
export interface ContentOperation<In extends z.ZodObject> extends Declaration<In, ContentAnswer> {
  on: "content";
  path: string;
  permission: Permission;
  handle(context: FileContext, input: z.infer<In>): Promise<Result<ContentAnswer>>;
}

export type Operation =
  | DeploymentOperation<z.ZodObject, z.ZodType>
  | OrganizationOperation<z.ZodObject, z.ZodType>
  | TokenOperation<z.ZodObject, z.ZodType>
  | WorkspaceOperation<z.ZodObject, z.ZodType>
  | FileOperation<z.ZodObject, z.ZodType>
  | ContentOperation<z.ZodObject>;

// Each constructor keeps the types of input and output where an operation is declared.
export const deploymentOperation = <In extends z.ZodObject, Out extends z.ZodType>(
  operation: Omit<DeploymentOperation<In, Out>, "on" | "permission">,
): DeploymentOperation<In, Out> => ({ ...operation, on: "deployment", permission: "operator" });

export const organizationOperation = <In extends z.ZodObject, Out extends z.ZodType>(
  operation: Omit<OrganizationOperation<In, Out>, "on">,
): OrganizationOperation<In, Out> => ({ ...operation, on: "organization" });

export const tokenOperation = <In extends z.ZodObject, Out extends z.ZodType>(
  operation: Omit<TokenOperation<In, Out>, "on" | "permission">,
): TokenOperation<In, Out> => ({ ...operation, on: "token", permission: "token" });

export const workspaceOperation = <In extends z.ZodObject, Out extends z.ZodType>(
  operation: Omit<WorkspaceOperation<In, Out>, "on">,
): WorkspaceOperation<In, Out> => ({ ...operation, on: "workspace" });

export const fileOperation = <In extends z.ZodObject, Out extends z.ZodType>(
  operation: Omit<FileOperation<In, Out>, "on">,
): FileOperation<In, Out> => ({ ...operation, on: "file" });

export const contentOperation = <In extends z.ZodObject>(
  operation: Omit<ContentOperation<In>, "on">,
): ContentOperation<In> => ({ ...operation, on: "content" });
