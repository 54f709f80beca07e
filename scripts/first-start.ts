// Owns the organization, agent and workspace that `npm start` makes for a newcomer: created once through the HTTP
// API, like anyone would, and kept with their key in .holdfast/credentials.json. A crash at any point loses nothing:
// the creations are sent under idempotency keys that were written down before, so repeating them gives the same key.

import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { z } from "zod";

import { AUTHORIZATION, CREDENTIALS, OPERATOR_KEY } from "./paths.ts";

const Named = z.object({ id: z.string(), name: z.string() });
const OrganizationReply = z.object({ organization: Named, agent: Named, key: z.string() });
const WorkspaceReply = z.object({ workspace: Named });

const FirstStart = z.object({ organization: z.string(), workspace: z.string() });
type FirstStart = z.infer<typeof FirstStart>;

const Credentials = z.object({
  organization: Named,
  agent: Named,
  key: z.string(),
  workspace: Named,
  /** The state that these credentials open. */
  firstStart: FirstStart,
});
type Credentials = z.infer<typeof Credentials>;

/** For the person at the terminal; a stack trace would not help them. */
export class StartError extends Error {}

export interface Access extends Credentials {
  /** Made just now: the only time the key is worth printing. */
  isNew: boolean;
}

/** The credentials for what lies in `stateDir`, made if they are not there yet. */
export async function ensureAccess(url: string, stateDir: string): Promise<Access> {
  const firstStart = await firstStartOf(stateDir);
  const kept = await readJson(CREDENTIALS, Credentials);
  if (kept !== null && kept.firstStart.organization === firstStart.organization) {
    await assertAccepted(url, kept);
    await writeAuthorization(kept.key);
    return { ...kept, isNew: false };
  }
  const made = await create(url, firstStart);
  await writeHello(url, made);
  await writeAuthorization(made.key);
  await writePrivate(CREDENTIALS, `${JSON.stringify(made, null, 2)}\n`);
  return { ...made, isNew: true };
}

/** Kept beside the state, so that a deleted state takes its idempotency keys along. */
async function firstStartOf(stateDir: string): Promise<FirstStart> {
  const file = join(stateDir, "first-start.json");
  const kept = await readJson(file, FirstStart);
  if (kept !== null) return kept;
  const made = { organization: crypto.randomUUID(), workspace: crypto.randomUUID() };
  await writePrivate(file, `${JSON.stringify(made)}\n`);
  return made;
}

async function create(url: string, firstStart: FirstStart): Promise<Credentials> {
  const operator = await readOperatorKey();
  const { organization, agent, key } = OrganizationReply.parse(
    await post(`${url}/api/organizations`, operator, firstStart.organization, { name: "My team", agent: "admin" }),
  );
  const { workspace } = WorkspaceReply.parse(
    await post(`${url}/api/workspaces`, key, firstStart.workspace, { name: "playground" }),
  );
  return { organization, agent, key, workspace, firstStart };
}

async function readOperatorKey(): Promise<string> {
  const key = await readFile(OPERATOR_KEY, "utf8").catch(() => null);
  if (key !== null) return key.trim();
  throw new StartError(`There is no operator key in ${OPERATOR_KEY}, so no organization can be created.`);
}

async function post(url: string, key: string, idempotencyKey: string, body: object): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      "idempotency-key": idempotencyKey,
    },
    body: JSON.stringify(body),
  });
  if (response.ok) return response.json();
  throw new StartError(
    `POST ${new URL(url).pathname} answered ${response.status}: ${await response.text()}\n` +
      "If the key is refused: .holdfast/operator-key must be the one whose SHA-256 is in .dev.vars.",
  );
}

export function contentUrl(url: string, workspaceId: string, path: string): string {
  return `${url}/api/workspaces/${workspaceId}/file/content?path=${path}`;
}

export const HELLO = "/hello.txt";

/** A file to read and to lock. If an earlier, interrupted start has written it, 428 says so. */
async function writeHello(url: string, { key, workspace }: Credentials): Promise<void> {
  const response = await fetch(contentUrl(url, workspace.id, HELLO), {
    method: "PUT",
    headers: { authorization: `Bearer ${key}`, "content-type": "text/plain" },
    body: "Hello from Holdfast.\n",
  });
  if (!response.ok && response.status !== 428)
    throw new StartError(`Writing ${HELLO} answered ${response.status}: ${await response.text()}`);
}

async function assertAccepted(url: string, { key, workspace }: Credentials): Promise<void> {
  const response = await fetch(contentUrl(url, workspace.id, HELLO), { headers: { authorization: `Bearer ${key}` } });
  await response.body?.cancel();
  if (response.status !== 401 && response.status !== 403) return;
  throw new StartError(
    `The key in ${CREDENTIALS} is refused (${response.status}); was .dev.vars replaced? ` +
      "Put the old one back, or delete .holdfast/state to begin anew (all local files in Holdfast go with it).",
  );
}

async function writeAuthorization(key: string): Promise<void> {
  await writePrivate(AUTHORIZATION, `Authorization: Bearer ${key}\n`);
}

async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  return text === null ? null : schema.parse(JSON.parse(text));
}

/** Whole or not at all, and never readable by others. */
async function writePrivate(file: string, contents: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const part = `${file}.part`;
  await writeFile(part, contents, { mode: 0o600 });
  await chmod(part, 0o600);
  await rename(part, file);
}
