// A handoff that is interrupted at any step, by the death of any object that takes part or the loss of any message,
// has happened or has not: nobody outside ever sees anything in between. Asked for again it has happened, once. Left
// alone, the alarm brings it to its end. The same for its undoing.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { type Meddle, type Step, whileBroken, whileMeddling } from "../support/faults.ts";
import {
  expectedLooks,
  type Handoff,
  handoffOf,
  handOff,
  handoffScene,
  type HandoffScene,
  look,
  type Mode,
  newCast,
  OUTPUTS,
  type Reach,
  undo,
} from "../support/handoffs.ts";
import type { Answer } from "../support/http.ts";
import { fileObject, runAlarm, tablesOf, workspaceObject, world } from "../support/workerd.ts";
import { byPath } from "../support/world.ts";

const KINDS: [Mode, Reach][] = [
  ["move", "within"],
  ["copy", "within"],
  ["copy", "to another"],
  ["move", "to another"],
];

const lost = (): never => {
  throw new Error("lost on purpose");
};

/** What can go wrong at a step. */
const FAULTS: Record<string, Meddle> = {
  "the caller dies before": ({ killCaller }) => killCaller(),
  "the caller dies after": async ({ call, killCaller }) => {
    await call();
    return killCaller();
  },
  "the callee dies before": async ({ call, killCallee }) => {
    await killCallee();
    return call();
  },
  "the callee dies after": async ({ call, killCallee }) => {
    const answer = await call();
    await killCallee();
    return answer;
  },
  "the message is lost": async () => lost(),
  "the answer is lost": async ({ call }) => {
    await call();
    return lost();
  },
};

/** Steps that are not the protocol's: asking for leases, shipping events. */
const OTHERS = new Set(["WORKSPACES.grantLease", "WORKSPACES.ship", "BLOBS.delete"]);

/** Lets a fault happen at the k-th step, once; notes all steps. */
function faultAt(k: number, fault: Meddle, steps: string[]): Meddle {
  return (step: Step) => {
    if (OTHERS.has(step.name)) return step.call();
    steps.push(step.name);
    return steps.length === k ? fault(step) : step.call();
  };
}

/** Asks while something may go wrong; null when there was no answer. */
async function askUnder(hands: Meddle, ask: () => Promise<Answer>): Promise<Answer | null> {
  return whileMeddling(hands, () => ask().catch(() => null));
}

/** The steps of a protocol when nothing goes wrong. */
async function stepsOf(ask: () => Promise<Answer>): Promise<string[]> {
  const steps: string[] = [];
  const answer = await askUnder(
    faultAt(0, ({ call }) => call(), steps),
    ask,
  );
  answer?.must(200, 201);
  return steps;
}

interface Kept {
  state: string;
  outputs: { source: string; file: string }[];
}

const handoffsOf = ({ source }: HandoffScene): Promise<Kept[]> =>
  runInDurableObject(workspaceObject(source), (_, { storage }) => {
    const { sql } = storage;
    if (sql.exec("SELECT name FROM sqlite_master WHERE name = 'handoffs'").toArray().length === 0) return [];
    return sql
      .exec<{ body: string }>("SELECT body FROM handoffs")
      .toArray()
      .map(({ body }) => JSON.parse(body) as Kept);
  });

/** Lets the deadline be over, and the alarm ring until nothing is half-done. */
async function leaveAlone(scene: HandoffScene): Promise<void> {
  const stub = () => workspaceObject(scene.source);
  for (let ring = 0; ring < 2; ring++) {
    await runInDurableObject(stub(), (_, { storage }) => {
      const { sql } = storage;
      if (sql.exec("SELECT name FROM sqlite_master WHERE name = 'handoffs'").toArray().length === 0) return;
      sql.exec("UPDATE handoffs SET due_at = 1, body = json_set(body, '$.dueAt', 1) WHERE due_at IS NOT NULL");
    });
    await runAlarm(stub());
  }
}

/** Nothing is half-done, reserved, or left of what has not happened. */
async function expectTidy(scene: HandoffScene, known: Kept[]): Promise<void> {
  const now = await handoffsOf(scene);
  for (const { state } of now) expect(["committed", "undone"]).toContain(state);
  expect(await tablesOf(workspaceObject(scene.target))).not.toContain("reservations");
  const isThere = now.some(({ state }) => state === "committed");
  const copies = known.flatMap(({ outputs }) => outputs).filter(({ source, file }) => source !== file);
  for (const { file } of isThere ? [] : copies) {
    await sweep(file);
    expect((await tablesOf(fileObject(file))).filter((table) => table !== "frozen")).toEqual([]);
  }
}

/** Lets the time be over in which a broken upload may still commit, and the alarm ring until nothing is left to do. */
async function sweep(file: string): Promise<void> {
  if ((await tablesOf(fileObject(file))).includes("garbage")) {
    await runInDurableObject(fileObject(file), (_, { storage }) => {
      storage.sql.exec("UPDATE garbage SET due_at = 1");
    });
  }
  for (let ring = 0; ring < 3; ring++) await runAlarm(fileObject(file));
}

/** Files can be worked on again: nothing stays frozen or locked. */
async function expectAlive({ ada, source, target }: HandoffScene, isAfter: boolean): Promise<void> {
  for (const { from, to, content } of OUTPUTS) {
    const query = { path: isAfter ? to : from };
    const headers = { "If-Match": "*" };
    const workspace = isAfter ? target : source;
    (await ada.api.put(byPath(workspace, "/content"), { query, headers, content })).must(200);
  }
}

interface Protocol {
  /** Brings a scene to where the protocol begins. */
  begin: (scene: HandoffScene) => Promise<string>;
  ask: (scene: HandoffScene, id: string, key: string) => Promise<Answer>;
  from: "before" | "after";
  to: "before" | "after";
}

const protocols = (mode: Mode): Record<string, Protocol> => ({
  handing: {
    begin: async () => "",
    ask: (scene, _, key) => handOff(scene, { mode }, { key }),
    from: "before",
    to: "after",
  },
  undoing: {
    begin: async (scene) => handoffOf(await handOff(scene, { mode })).id,
    ask: (scene, id, key) => undo(scene, id, scene.ben, key),
    from: "after",
    to: "before",
  },
});

const ENDINGS = ["asked again", "left alone"] as const;

/** At each step half of the faults are asked again after, the others left alone, in turn; all both ways with HOLDFAST_ALL. */
function endingsOf(step: number, fault: string): readonly (typeof ENDINGS)[number][] {
  if (env.HOLDFAST_ALL !== "") return ENDINGS;
  return ENDINGS.slice((step + Object.keys(FAULTS).indexOf(fault)) % 2).slice(0, 1);
}

describe.each(KINDS)("%s %s workspace", (mode, reach) => {
  describe.each(Object.entries(protocols(mode)))("%s", (_, { begin, ask, from, to }) => {
    const looks = expectedLooks(mode);
    const isOneOf = (seen: string[]): boolean =>
      [looks.before, looks.after].some((one) => JSON.stringify(one) === JSON.stringify(seen));

    let cast: Awaited<ReturnType<typeof newCast>>;
    beforeAll(async () => {
      cast = await newCast(world);
    });
    const ready = async () => {
      const scene = await handoffScene(world, reach, cast);
      return { scene, id: await begin(scene) };
    };

    test.each(Object.entries(FAULTS))("%s, at each step", { timeout: 300_000 }, async (name, fault) => {
      const clean = await ready();
      const steps = await stepsOf(() => ask(clean.scene, clean.id, "clean"));
      console.log(`${mode} ${reach}: ${steps.length} steps: ${steps.join(" ")}`);
      expect(await look(clean.scene)).toEqual(looks[to]);
      for (let k = 1; k <= steps.length; k++) {
        for (const ending of endingsOf(k, name)) {
          const { scene, id } = await ready();
          const taken: string[] = [];
          await askUnder(faultAt(k, fault, taken), () => ask(scene, id, "key"));
          const where = `${name} step ${k} (${taken[k - 1]}), ${ending}`;
          const seen = await look(scene);
          expect(isOneOf(seen), `${where}: ${seen.join(", ")}`).toBe(true);
          const known = await handoffsOf(scene);
          if (ending === "asked again") {
            const answer = await ask(scene, id, "key");
            expect([where, answer.status < 300 ? "done" : answer.outcome]).toEqual([where, "done"]);
            expect([where, await look(scene)]).toEqual([where, looks[to]]);
          } else {
            await leaveAlone(scene);
            const left = await look(scene);
            expect(isOneOf(left), `${where}: ${left.join(", ")}`).toBe(true);
            // What has once been seen stays so.
            if (JSON.stringify(seen) === JSON.stringify(looks[to])) expect([where, left]).toEqual([where, looks[to]]);
          }
          await expectTidy(scene, known);
          const now = await look(scene);
          await expectAlive(scene, JSON.stringify(now) === JSON.stringify(looks.after));
        }
      }
    });

    test("whoever has seen it somewhere sees it everywhere from then on", async () => {
      const { scene, id } = await ready();
      const probes = await watchDuring(scene, mode, () =>
        whileMeddling(
          async ({ call }) => {
            await scheduler.wait(10);
            return call();
          },
          () => ask(scene, id, "watched"),
        ),
      );
      for (const side of [from, to]) expect(probes.map(({ verdict }) => verdict)).toContain(side);
      const first = probes.findIndex(({ verdict }) => verdict === to);
      expect(probes.slice(first).filter(({ verdict }) => verdict === from)).toEqual([]);
      expect(await look(scene)).toEqual(looks[to]);
    });
  });
});

interface Probe {
  what: string;
  verdict: "before" | "after";
}

/** Looks at one side after the other, over and over, until the answer has come and a little longer. */
async function watchDuring(scene: HandoffScene, mode: Mode, ask: () => Promise<Answer>): Promise<Probe[]> {
  let left = Infinity;
  const probes: Probe[] = [];
  const kinds = probesOf(scene, mode);
  const watch = async (): Promise<void> => {
    for (let n = 0; left > 0; n++, left--) {
      const [what, isAfter] = kinds[n % kinds.length] ?? lost();
      probes.push({ what, verdict: (await isAfter()) ? "after" : "before" });
      // Without a pause no timer of the objects would ever have its turn.
      await scheduler.wait(1);
    }
  };
  const watching = watch();
  const answer = await ask().finally(() => (left = 2 * kinds.length));
  await watching;
  answer.must(200, 201);
  return probes;
}

type ProbeKind = [what: string, isAfter: () => Promise<boolean>];

function probesOf({ ada, rex, source, target }: HandoffScene, mode: Mode): ProbeKind[] {
  const isAt = async (agent: typeof ada, workspace: string, path: string): Promise<boolean> =>
    (await agent.api.get(byPath(workspace, "/content"), { query: { path } })).must(200, 404).status === 200;
  const isListed = async (workspace: string, folder: string, path: string): Promise<boolean> => {
    const query = { folder, recursive: true };
    const { files } = (await ada.api.get(`/api/workspaces/${workspace}/files`, { query })).as<{
      files: { path: string }[];
    }>(200);
    return files.some((file) => file.path === path);
  };
  return OUTPUTS.flatMap(({ from, to }): ProbeKind[] => [
    [`target ${to}`, () => isAt(ada, target, to)],
    [`rex ${to}`, () => isAt(rex, target, to)],
    [`listed ${to}`, () => isListed(target, "/out", to)],
    ...(mode === "copy"
      ? []
      : ([
          [`source ${from}`, async () => !(await isAt(ada, source, from))],
          [`listed ${from}`, async () => !(await isListed(source, "/work", from))],
        ] satisfies ProbeKind[])),
  ]);
}

test.each(KINDS.filter(([mode, reach]) => mode === "copy" || reach === "to another"))(
  "%s %s workspace, while the blob store fails: not done, and done when asked again",
  async (mode, reach) => {
    const scene = await handoffScene(world, reach);
    const failed = await whileBroken("BLOBS", () => handOff(scene, { mode }, { key: "key" }));
    expect(failed.outcome).toBe("503 unavailable");
    expect(await look(scene)).toEqual(expectedLooks(mode).before);
    const first: Handoff = handoffOf(await handOff(scene, { mode }, { key: "key" }));
    expect(await look(scene)).toEqual(expectedLooks(mode).after);
    expect(handoffOf(await handOff(scene, { mode }, { key: "key" }))).toEqual(first);
  },
);

test("without an Idempotency-Key nobody can go on, so a failure leaves nothing", async () => {
  const scene = await handoffScene(world, "to another");
  const failed = await whileBroken("BLOBS", () => handOff(scene));
  expect(failed.outcome).toBe("503 unavailable");
  expect(await handoffsOf(scene)).toEqual([]);
  await expectTidy(scene, []);
  await expectAlive(scene, false);
});

/** It stops where everything is prepared but that. */
const losingTheLastCopy: Meddle = async ({ name, call }) => (name === "BLOBS.put" ? lost() : call());

test("while it is under way, nobody changes the files, takes the names, or sees them", async () => {
  const scene = await handoffScene(world, "to another");
  const { ada, source, target } = scene;
  expect((await askUnder(losingTheLastCopy, () => handOff(scene, {}, { key: "key" })))?.outcome).toBe(
    "503 unavailable",
  );

  const query = { path: OUTPUTS[0].from };
  const written = await ada.api.put(byPath(source, "/content"), { query, content: "x", headers: { "If-Match": "*" } });
  expect(written.outcome).toBe("409 being_handed_off");
  expect((await ada.api.post(byPath(source, "/lock"), { query, json: {} })).outcome).toBe("409 being_handed_off");
  expect((await ada.api.post(byPath(source, "/move"), { query, json: { to: "/x" } })).outcome).toBe(
    "409 being_handed_off",
  );
  expect((await handOff(scene, { mode: "copy" })).outcome).toBe("409 being_handed_off");
  for (const path of [OUTPUTS[0].to, `${OUTPUTS[0].to}/below`, "/out/data"]) {
    const taken = await ada.api.put(byPath(target, "/content"), { query: { path }, content: "x" });
    expect([path, taken.outcome]).toEqual([path, "409 path_taken"]);
  }
  expect(await look(scene)).toEqual(expectedLooks("move").before);

  await leaveAlone(scene);
  expect(await look(scene)).toEqual(expectedLooks("move").before);
  await expectAlive(scene, false);
  (await ada.api.put(byPath(target, "/content"), { query: { path: OUTPUTS[0].to }, content: "x" })).must(201);
});
