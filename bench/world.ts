// Owns where a bench takes place: a workspace of its own on a running server (HOLDFAST_URL, else 127.0.0.1:8787) with
// the key of `npm start`, or on a server that it starts for itself on a state that is thrown away.

import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { startLocalServer } from "../scripts/local-server.ts";
import { CREDENTIALS } from "../scripts/paths.ts";
import { expected, Holdfast } from "./client.ts";
import { Http } from "./http.ts";

const DEFAULT_URL = "http://127.0.0.1:8787";

/** An agent with the right to edit in the bench's workspace. */
export interface Member {
  name: string;
  id: string;
  key: string;
}

export interface World {
  url: string;
  isOwn: boolean;
  workspaceId: string;
  admin: Holdfast;
  hire(name: string): Promise<Member>;
  close(): Promise<void>;
}

export async function openWorld(name: string): Promise<World> {
  const url = process.env["HOLDFAST_URL"] ?? DEFAULT_URL;
  return (await answers(url)) ? settle(url, await keptKey(), name) : openOwn(name);
}

/** A world on a server of its own, whatever else is running. */
export async function openOwn(name: string): Promise<World> {
  const operator = `hfo_${randomBytes(32).toString("base64url")}`;
  const secrets = {
    SIGNING_SECRET: randomBytes(32).toString("hex"),
    OPERATOR_KEY_HASH: createHash("sha256").update(operator).digest("hex"),
  };
  const server = await startTemporary({ secrets });
  const http = new Http(server.url);
  try {
    const { key } = expected(await new Holdfast(http, operator).createOrganization(name));
    const world = await settle(server.url, key, name);
    return { ...world, isOwn: true, close: () => world.close().then(server.close) };
  } catch (error) {
    await server.close();
    throw error;
  } finally {
    http.close();
  }
}

/** A local server on a state that goes when it is closed. */
export async function startTemporary(options: { config?: string; secrets?: Record<string, string> }) {
  const stateDir = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
  const clear = () => rm(stateDir, { recursive: true, force: true });
  try {
    const { url, dispose } = await startLocalServer({ ...options, port: 0, stateDir });
    return { url, close: () => dispose().then(clear) };
  } catch (error) {
    await clear();
    throw error;
  }
}

async function settle(url: string, key: string, name: string): Promise<World> {
  const http = new Http(url);
  const admin = new Holdfast(http, key);
  const { workspace } = expected(await admin.createWorkspace(`${name} ${new Date().toISOString()}`));
  return {
    url,
    isOwn: false,
    workspaceId: workspace.id,
    admin,
    async hire(name) {
      const made = expected(await admin.createAgent(name));
      expected(await admin.setMember(workspace.id, made.agent.id, "editor"));
      return { name, id: made.agent.id, key: made.key };
    },
    async close() {
      http.close();
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const http = new Http(url);
  try {
    const { status, text } = await http.send("GET", "/health");
    return status === 200 && text === '{"status":"ok"}';
  } catch {
    return false;
  } finally {
    http.close();
  }
}

async function keptKey(): Promise<string> {
  return z.object({ key: z.string() }).parse(JSON.parse(await readFile(CREDENTIALS, "utf8"))).key;
}
