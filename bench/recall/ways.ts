// Owns the ways in which a right is taken away and given back, each with an agent of its own that holds it through
// exactly that.

/** How a trial speaks to the service: one request, its status and its JSON. */
export type Ask = (
  key: string,
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answered>;

export interface Answered {
  status: number;
  json: Record<string, unknown>;
}

/** Where trials take place, with the key of one who may do everything. */
export interface Stage {
  ask: Ask;
  owner: string;
  workspace: string;
  /** Ids of files below /siege/. */
  files: string[];
}

/** One way of losing the right to write. */
export interface Way {
  name: string;
  /** The key that has the right now. */
  key: string;
  take(): Promise<void>;
  giveBack(): Promise<void>;
}

interface Worker {
  id: string;
  key: string;
}

const done = async (work: Promise<unknown>): Promise<void> => void (await work);

export async function waysOf(stage: Stage): Promise<Way[]> {
  const { workspace } = stage;
  const ask = async (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> => {
    const { status, json } = await stage.ask(stage.owner, method, path, body);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(json)}`);
    return json;
  };
  const worker = async (name: string): Promise<Worker> => {
    const made = await ask("POST", "/api/agents", { name });
    return { id: (made["agent"] as Worker).id, key: String(made["key"]) };
  };
  const memberPath = ({ id }: Worker) => `/api/workspaces/${workspace}/members/${id}`;
  const asEditor = (who: Worker) => ask("PUT", memberPath(who), { role: "editor" });

  const lowered = await worker("lowered");
  const removed = await worker("removed");
  const denied = await worker("denied");
  const grouped = await worker("grouped");
  const paused = await worker("paused");
  const rekeyed = await worker("rekeyed");
  for (const who of [lowered, removed, denied, paused, rekeyed]) await asEditor(who);
  const group = ((await ask("POST", "/api/groups", { name: "writers" }))["group"] as Worker).id;
  const inGroup = `/api/groups/${group}/members/${grouped.id}`;
  await ask("PUT", inGroup);
  await ask("POST", `/api/workspaces/${workspace}/grants`, { to: group, role: "editor" });
  let denial = "";
  const rekey: Way = {
    name: "key revoked",
    key: rekeyed.key,
    async take() {
      const { keys } = await ask("GET", `/api/keys?principalId=${rekeyed.id}`);
      const usable = (keys as { id: string; revokedAt: string | null }[]).filter(({ revokedAt }) => revokedAt === null);
      for (const { id } of usable) await ask("DELETE", `/api/keys/${id}`);
    },
    async giveBack() {
      rekey.key = String((await ask("POST", "/api/keys", { principalId: rekeyed.id }))["secret"]);
    },
  };
  return [
    {
      name: "role lowered",
      key: lowered.key,
      take: () => done(ask("PUT", memberPath(lowered), { role: "viewer" })),
      giveBack: () => done(asEditor(lowered)),
    },
    {
      name: "member removed",
      key: removed.key,
      take: () => done(ask("DELETE", memberPath(removed))),
      giveBack: () => done(asEditor(removed)),
    },
    {
      name: "denied in the folder",
      key: denied.key,
      async take() {
        const refused = { to: denied.id, effect: "deny", role: "editor", path: "/siege/" };
        const { grant } = await ask("POST", `/api/workspaces/${workspace}/grants`, refused);
        denial = (grant as Worker).id;
      },
      giveBack: () => done(ask("DELETE", `/api/workspaces/${workspace}/grants/${denial}`)),
    },
    {
      name: "out of the group",
      key: grouped.key,
      take: () => done(ask("DELETE", inGroup)),
      giveBack: () => done(ask("PUT", inGroup)),
    },
    {
      name: "paused",
      key: paused.key,
      take: () => done(ask("POST", `/api/principals/${paused.id}/pause`, { reason: "a trial" })),
      giveBack: () => done(ask("POST", `/api/principals/${paused.id}/resume`)),
    },
    rekey,
  ];
}
