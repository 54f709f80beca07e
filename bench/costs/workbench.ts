// Owns the scene in which operations are measured: an organization, a workspace, a small and a large file, and the
// calls themselves, over HTTP.

import { readFile } from "node:fs/promises";
import type { Costs } from "./meter.ts";

const MEGABYTE = "x".repeat(1024 * 1024);

interface Answer {
  [field: string]: unknown;
}

export class Workbench {
  readonly #url: string;
  #key = "";
  #workspace = "";
  #agent = "";
  #organization = "";
  #counter = 0;
  /** Files whose alarms must ring for a measurement to be complete. */
  #touched = new Set<string>();
  small = "";
  large = "";
  #spare = "";

  static async open(url: string): Promise<Workbench> {
    const bench = new Workbench(url);
    await bench.#prepare();
    return bench;
  }

  private constructor(url: string) {
    this.#url = url;
  }

  async #prepare(): Promise<void> {
    this.#key = (await readFile(".holdfast/operator-key", "utf8")).trim();
    const organization = await this.#call("POST", "/api/organizations", { name: "ledger" });
    this.#key = String(organization["key"]);
    this.#organization = idOf(organization, "organization");
    this.#workspace = idOf(await this.#call("POST", "/api/workspaces", { name: "ledger" }), "workspace");
    this.#agent = idOf(await this.#call("POST", "/api/agents", { name: "other" }), "agent");
    this.small = await this.create();
    this.large = await this.createLarge();
    this.#spare = await this.create();
    await this.settled();
  }

  async measure(work: () => Promise<unknown>): Promise<Costs> {
    await this.#meter("reset");
    await work();
    return this.#meter("read");
  }

  /** Rings the alarms of everything touched, and answers the costs since the last measurement began. */
  async settled(): Promise<Costs> {
    for (const file of this.#touched) await this.#meter(`settle?file=${file}`);
    this.#touched = new Set();
    return this.#meter(`settle?workspace=${this.#workspace}&organization=${this.#organization}`);
  }

  createAgent = () => this.#call("POST", "/api/agents", { name: `agent ${++this.#counter}` });
  createWorkspace = () => this.#call("POST", "/api/workspaces", { name: `workspace ${++this.#counter}` });
  setMember = (role: string) =>
    this.#call("PUT", `/api/workspaces/${this.#workspace}/members/${this.#agent}`, { role });
  /** A key of the other agent, used on the small file once, so that leases are out for it. */
  createKey = async (): Promise<{ id: string; secret: string }> => {
    const made = await this.#call("POST", "/api/keys", { principalId: this.#agent });
    return { id: idOf(made, "key"), secret: String(made["secret"]) };
  };
  readWith = (secret: string) =>
    this.#onFile("GET", this.small, "/content", undefined, { Authorization: `Bearer ${secret}` });
  acquireWith = (secret: string) =>
    this.#onFile("POST", this.small, "/lock", {}, { Authorization: `Bearer ${secret}` });
  revokeKey = (id: string) => this.#call("DELETE", `/api/keys/${id}`);
  grant = async (effect: string): Promise<string> =>
    idOf(
      await this.#call("POST", `/api/workspaces/${this.#workspace}/grants`, {
        path: "/ledger/",
        to: this.#agent,
        effect,
        role: "editor",
      }),
      "grant",
    );
  endGrant = (id: string) => this.#call("DELETE", `/api/workspaces/${this.#workspace}/grants/${id}`);
  pause = () => this.#call("POST", `/api/principals/${this.#agent}/pause`, { reason: "measured" });
  resume = () => this.#call("POST", `/api/principals/${this.#agent}/resume`);
  /** Hands over a file that was just made. */
  handOff = (n: number) =>
    this.#call("POST", `/api/workspaces/${this.#workspace}/handoffs`, {
      files: [`/ledger/${n}.txt`],
      to: { folder: `/handed/${n}/` },
      recipients: [{ to: this.#agent, role: "viewer" }],
    });
  get made(): number {
    return this.#counter;
  }
  whoCan = () => this.#call("GET", `/api/workspaces/${this.#workspace}/access`);
  override = () => this.#onFile("POST", this.small, "/lock/override", { reason: "measured" });
  list = () => this.#call("GET", `/api/workspaces/${this.#workspace}/files`);
  events = () => this.#call("GET", `/api/workspaces/${this.#workspace}/events`);

  create = (content = "content") => this.#create(`/ledger/${++this.#counter}.txt`, content);
  createLarge = () => this.create(MEGABYTE);
  async #create(path: string, content: string): Promise<string> {
    return this.#touch(
      await this.#call("PUT", `/api/workspaces/${this.#workspace}/file/content?path=${path}`, content),
    );
  }

  write = (file: string, content = "changed") => this.#onFile("PUT", file, "/content", content, { "If-Match": "*" });
  writeLarge = (file: string) => this.write(file, MEGABYTE);
  read = (file: string) => this.#onFile("GET", file, "/content");
  readByPath = () => {
    this.#touched.add(this.small);
    return this.#call("GET", `/api/workspaces/${this.#workspace}/file/content?path=/ledger/1.txt`);
  };
  get = (file: string, path: string) => this.#onFile("GET", file, path);
  move = () => this.#onFile("POST", this.#spare, "/move", { to: `/ledger/moved-${++this.#counter}.txt` });
  copy = async () =>
    this.#touch(await this.#onFile("POST", this.small, "/copy", { to: `/ledger/copy-${++this.#counter}.txt` }));
  delete = () => this.#onFile("DELETE", this.#spare, "", undefined, { "If-Match": "*" });

  acquire = async (wait?: number): Promise<string> =>
    String((await this.#onFile("POST", this.small, "/lock", wait === undefined ? {} : { wait }))["lockId"]);
  acquireBusy = () => this.#onFile("POST", this.small, "/lock", {}, {}, 423);
  renew = (lock: string) => this.#onFile("POST", this.small, `/lock/${lock}/renew`, {});
  release = (lock: string) => this.#onFile("DELETE", this.small, `/lock/${lock}`);
  writeLocked = (lock: string) => this.#onFile("PUT", this.small, "/content", "locked", { "Holdfast-Lock": lock });

  /** One holds while another waits; then both cycles, from asking to releasing. */
  async contend(): Promise<void> {
    const holder = await this.acquire();
    const waiting = this.acquire(10);
    while ((await this.#meter<number>(`waiting?file=${this.small}`)) === 0);
    await this.release(holder);
    await this.release(await waiting);
  }

  /** The everyday update: the lock brings the content, the write releases the lock. */
  async updateInTwo(): Promise<void> {
    const { lockId } = await this.#onFile("POST", this.small, "/lock", { content: true });
    const headers = { "Holdfast-Lock": String(lockId) };
    await this.#onFile("PUT", this.small, "/content?release=true", "locked", headers);
  }

  async update(): Promise<void> {
    const lock = await this.acquire();
    await this.read(this.small);
    await this.writeLocked(lock);
    await this.release(lock);
  }

  #touch(answer: Answer): string {
    const file = String(answer["fileId"]);
    this.#touched.add(file);
    return file;
  }

  #onFile(
    method: string,
    file: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
    status?: number,
  ) {
    this.#touched.add(file);
    return this.#call(method, `/api/files/${file}${path}`, body, headers, status);
  }

  async #meter<T = Costs>(action: string): Promise<T> {
    const response = await fetch(`${this.#url}/costs/${action}`);
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as T;
  }

  async #call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    expected?: number,
  ): Promise<Answer> {
    const response = await fetch(this.#url + path, {
      method,
      headers: { Authorization: `Bearer ${this.#key}`, ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const asExpected = expected === undefined ? response.ok : response.status === expected;
    if (!asExpected) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (response.headers.get("Content-Type") ?? "").includes("json") ? (JSON.parse(text) as Answer) : {};
  }
}

function idOf(answer: Answer, field: string): string {
  return (answer[field] as { id: string }).id;
}
