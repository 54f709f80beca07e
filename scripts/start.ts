// Owns `npm start`: the service on this machine, and what a newcomer needs to use it.

import { relative } from "node:path";

import { type Access, contentUrl, ensureAccess, HELLO, StartError } from "./first-start.ts";
import { PortTaken, startLocalServer } from "./local-server.ts";
import { AUTHORIZATION, CREDENTIALS, STATE } from "./paths.ts";

const DEFAULT_PORT = 8787;

try {
  await start();
} catch (error) {
  const message = explain(error);
  if (message === null) throw error;
  process.stderr.write(`\n${message}\n\n`);
  process.exitCode = 1;
}

/** Ctrl-C and `kill` need no handler: Miniflare ends workerd with this process. */
async function start(): Promise<void> {
  const server = await startLocalServer({ port: portFromEnvironment(), stateDir: STATE });
  try {
    process.stdout.write(welcome(server.url, await ensureAccess(server.url, STATE)));
  } catch (error) {
    await server.dispose();
    throw error;
  }
}

function portFromEnvironment(): number {
  const text = process.env["PORT"];
  if (text === undefined) return DEFAULT_PORT;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new StartError(`PORT=${text} is not a port number.`);
}

/** What to say about a failure that a person can do something about; `null` for a bug. */
function explain(error: unknown): string | null {
  if (error instanceof StartError) return error.message;
  if (error instanceof PortTaken)
    return `${error.message} Stop what listens there (perhaps another npm start), or choose another port:\n  PORT=${error.port + 1} npm start`;
  return null;
}

function welcome(url: string, access: Access): string {
  const { workspace } = access;
  const credentials = relative(process.cwd(), CREDENTIALS);
  const lock = `${url}/api/workspaces/${workspace.id}/file/lock?path=${HELLO}`;
  const authorization = `-H ${shellQuoted(`@${AUTHORIZATION}`)}`;
  return `
Holdfast serves at ${url}

  API docs    ${url}/api/docs
  Workspace   ${workspace.name}, ${workspace.id}
  Admin key   ${access.isNew ? `${access.key}\n              kept in ${credentials}, and not printed again` : `in ${credentials}`}

In another terminal (curl reads the Authorization header from a file):

  # write a file
  curl -X PUT "${contentUrl(url, workspace.id, "/note-$(date +%s).txt")}" ${authorization} -H "Content-Type: text/plain" --data-binary "Written at $(date)"

  # lock a file: one minute; asked again meanwhile, it answers 423 and who holds it
  curl -X POST "${lock}" ${authorization}

  # read a file
  curl "${contentUrl(url, workspace.id, HELLO)}" ${authorization}

Ctrl-C stops it; everything stays in ${relative(process.cwd(), STATE)}.
`;
}

function shellQuoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
