// Owns the faults that tests switch on: bindings that fail while they are told to, and objects that die, or answers
// that are lost, at one step of a protocol between objects.

const broken = new Set<"DB" | "BLOBS">();

/** Runs `work` while a binding fails at every use. */
export async function whileBroken<T>(binding: "DB" | "BLOBS", work: () => Promise<T>): Promise<T> {
  broken.add(binding);
  try {
    return await work();
  } finally {
    broken.delete(binding);
  }
}

/** One call from an object: to another object, or to the blob store. */
export interface Step {
  /** As `FILES.stage`. */
  name: string;
  call: () => Promise<unknown>;
  /** Ends the life of the object that calls. Never resolves. */
  killCaller: () => Promise<never>;
  /** Ends the life of the object that is called; nothing for the blob store. */
  killCallee: () => Promise<void>;
}

/** What becomes of a step. */
export type Meddle = (step: Step) => Promise<unknown>;

let meddle: Meddle | null = null;

/** Runs `work` while every step goes through these hands. */
export async function whileMeddling<T>(hands: Meddle, work: () => Promise<T>): Promise<T> {
  meddle = hands;
  try {
    return await work();
  } finally {
    meddle = null;
  }
}

/** `ctx` is of the object that is given these bindings; the Worker has none, and takes no steps. */
export function faultyEnv(env: Env, ctx: DurableObjectState | null = null): Env {
  const { FILES, WORKSPACES } = env;
  const faulty = { ...env, DB: fragile("DB", env.DB), BLOBS: fragile("BLOBS", env.BLOBS) };
  if (ctx === null) return faulty;
  return {
    ...faulty,
    FILES: watched("FILES", FILES, ctx),
    WORKSPACES: watched("WORKSPACES", WORKSPACES, ctx),
    BLOBS: watchedCalls(
      "BLOBS",
      () => faulty.BLOBS,
      ctx,
      async () => undefined,
    ),
  };
}

function fragile<T extends object>(binding: "DB" | "BLOBS", target: T): T {
  return new Proxy(target, {
    get(_, name) {
      if (broken.has(binding)) throw new Error(`${binding} is broken on purpose`);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

type Function = (...args: unknown[]) => unknown;
interface Mortal {
  die(): Promise<void>;
}

function watched<T extends object>(binding: string, namespace: T, ctx: DurableObjectState): T {
  return new Proxy(namespace, {
    get(_, name) {
      const value = (Reflect.get(namespace, name, namespace) as Function).bind(namespace);
      if (name !== "get") return value;
      return (id: DurableObjectId) => {
        // A stub that has thrown is broken, so each step has its own.
        const fresh = () => value(id) as object;
        return watchedCalls(binding, fresh, ctx, () => (fresh() as Mortal).die().catch(() => undefined));
      };
    },
  });
}

function watchedCalls<T extends object>(
  binding: string,
  fresh: () => T,
  ctx: DurableObjectState,
  killCallee: () => Promise<void>,
): T {
  const killCaller = (): Promise<never> => {
    ctx.abort("on purpose");
    return new Promise(() => undefined);
  };
  return new Proxy(fresh(), {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function" || typeof name !== "string") return value;
      return (...args: unknown[]) => {
        const call = async () => {
          const callee = fresh();
          return Reflect.apply(Reflect.get(callee, name, callee) as Function, callee, args);
        };
        if (meddle === null) return Reflect.apply(value as Function, target, args);
        return meddle({ name: `${binding}.${name}`, call, killCaller, killCallee });
      };
    },
  });
}
