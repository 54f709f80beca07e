// Owns the faults that tests switch on: bindings that fail while they are told to.

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

export function faultyEnv(env: Env): Env {
  return { ...env, DB: fragile("DB", env.DB), BLOBS: fragile("BLOBS", env.BLOBS) };
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
