// The reports on access: who can do what agrees with what happens, what has crept is found, and all of it can be
// exported as a table.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import { fileObject, organizationObject, runAlarm, workspaceObject, world } from "../support/workerd.ts";
import { type Agent, byId, type FileView, newFile } from "../support/world.ts";

interface Right {
  permission: string;
  through: string[];
}
interface Report {
  unused: { grant: { id: string; to: string }; permissions: string[] }[];
  widened: { to: string; first: string[]; added: string[] }[];
}

const DAY_MS = 24 * 60 * 60 * 1000;

let ada: Agent;
let ben: Agent;
let cyd: Agent;
let workspace: string;
let file: FileView;

beforeAll(async () => {
  ada = await world.organization();
  [ben, cyd] = await Promise.all([world.agent(ada, "ben"), world.agent(ada, "cyd")]);
  workspace = await world.workspace(ada, [
    [ben, "viewer"],
    [cyd, "editor"],
  ]);
  file = await newFile(ada, workspace, "/reports/q3.csv");
});

const at = (rest: string) => `/api/workspaces/${workspace}${rest}`;

/** Lets everything that was granted be so many days older. */
async function age(days: number): Promise<void> {
  await runInDurableObject(workspaceObject(workspace), (_, { storage }) => {
    storage.sql.exec("UPDATE grants SET at = at - ?", days * DAY_MS);
  });
  await evictDurableObject(workspaceObject(workspace));
}

describe("what was granted and has not been used", () => {
  test("is told once it is old enough, but for what the log shows to be in use", async () => {
    (await ben.api.get(byId(file, "/content"))).must(200);
    await runAlarm(fileObject(file.fileId));
    await runAlarm(workspaceObject(workspace));
    const young = (await ada.api.get(at("/access-report"))).as<Report>(200);
    expect(young.unused).toEqual([]);
    await age(60);
    const { unused } = (await ada.api.get(at("/access-report"), { query: { unusedFor: 30 } })).as<Report>(200);
    const of = (agent: Agent) => unused.find(({ grant }) => grant.to === agent.id)?.permissions;
    expect(of(ben)).toEqual(["workspace:read", "locks:read"]);
    expect(of(cyd)).toEqual(["workspace:read", "files:read", "locks:read", "files:write", "locks:acquire"]);
  });

  test("is for those who may see who has access", async () => {
    expect((await ben.api.get(at("/access-report"))).outcome).toBe("403 forbidden");
    expect((await ben.api.get("/api/access-report")).outcome).toBe("403 forbidden");
  });
});

test("who became more than they were at first is told, and by what", async () => {
  await world.setRole(ada, workspace, ben, "steward");
  const { widened } = (await ada.api.get(at("/access-report"))).as<Report>(200);
  expect(widened).toMatchObject([
    {
      to: ben.id,
      first: ["workspace:read", "files:read", "locks:read"],
      added: ["files:write", "locks:acquire", "gold:write", "locks:override"],
    },
  ]);
});

test("keys without an end, and those that lie idle, are told for the whole organization", async () => {
  const { key } = (await ada.api.post("/api/keys", { json: { name: "forgotten", principalId: ben.id } })).as<{
    key: { id: string };
  }>(201);
  const ending = new Date(Date.now() + DAY_MS).toISOString();
  (await ada.api.post("/api/keys", { json: { name: "ends", expiresAt: ending } })).must(201);
  await runInDurableObject(organizationObject(ada.organization), (_, { storage }) => {
    storage.sql.exec("UPDATE keys SET created_at = created_at - ? WHERE id = ?", 60 * DAY_MS, key.id);
  });
  const report = (await ada.api.get("/api/access-report")).as<{
    keysWithoutEnd: { name: string }[];
    unusedKeys: { id: string }[];
  }>(200);
  expect(report.keysWithoutEnd.map(({ name }) => name)).toContain("forgotten");
  expect(report.keysWithoutEnd.map(({ name }) => name)).not.toContain("ends");
  expect(report.unusedKeys.map(({ id }) => id)).toEqual([key.id]);
});

test("who can do what names what gives each right", async () => {
  const { access } = (await ada.api.get(at("/access"), { query: { path: file.path } })).as<{
    access: { principalId: string; rights: Right[] }[];
  }>(200);
  const rightsOf = ({ id }: Agent) => access.find(({ principalId }) => principalId === id)?.rights ?? [];
  expect(new Set(rightsOf(ada).flatMap(({ through }) => through))).toEqual(new Set(["ownership"]));
  const [grant] = rightsOf(cyd).flatMap(({ through }) => through);
  (await ada.api.delete(at(`/grants/${grant}`))).must(200);
  expect((await cyd.api.get(byId(file))).outcome).toBe("404 not_found");
});

describe("as a table", () => {
  test("CSV has a head and a line for each right, and no cell that a spreadsheet would run", async () => {
    const evil = await world.agent(ada, '=HYPERLINK("https://evil.test","click"), "quoted"');
    await world.setRole(ada, workspace, evil, "viewer");
    const answer = (await ada.api.get(at("/access"), { headers: { Accept: "text/csv" } })).must(200);
    expect(answer.header("Content-Type")).toBe("text/csv; charset=utf-8");
    const [head, ...lines] = answer.text.trimEnd().split("\r\n");
    expect(head).toBe("principalId,name,kind,permission,until,through");
    const theirs = lines.filter((line) => line.startsWith(evil.id));
    expect(theirs).toHaveLength(3);
    for (const line of theirs) {
      expect(line).toContain(`,"'=HYPERLINK(""https://evil.test"",""click""), ""quoted""",agent,`);
    }
  });

  test("NDJSON has an object for each line; JSON stays what is answered otherwise", async () => {
    const lines = (await ada.api.get(at("/grants"), { headers: { Accept: "application/x-ndjson" } })).must(200);
    const grants = (await ada.api.get(at("/grants"), { headers: { Accept: "*/*" } })).as<{ grants: { id: string }[] }>(
      200,
    ).grants;
    const ids = lines.text
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { id: string }).id);
    expect(ids).toEqual(grants.map(({ id }) => id));
    expect(ids.length).toBeGreaterThan(1);
  });
});
