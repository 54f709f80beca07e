// Owns the lock that one writes in an afternoon with itty-durable: one object for each name, a holder and an expiry,
// acquire and release, polled by those who wait. Files lie in plain R2, which knows nothing of the lock.

import { createDurable, proxyDurable } from "itty-durable";

interface LockEnv {
  LOCKS: DurableObjectNamespace;
  FILES: R2Bucket;
}

/** What a stub of itty-durable looks like to its caller; the library itself knows no types. */
interface LockStub {
  acquire(holder: string, ttlMs: number): Promise<{ granted: boolean }>;
  release(holder: string): Promise<{ released: boolean }>;
}

export class Lock extends createDurable() {
  holder: string | null = null;
  until = 0;

  async acquire(holder: string, ttlMs: number): Promise<{ granted: boolean }> {
    const isTaken = this.holder !== null && this.holder !== holder && this.until > Date.now();
    if (isTaken) return { granted: false };
    this.holder = holder;
    this.until = Date.now() + ttlMs;
    // Instead of `autoPersist`, which would also write after every refused poll.
    await this.persist();
    return { granted: true };
  }

  async release(holder: string): Promise<{ released: boolean }> {
    if (this.holder !== holder) return { released: false };
    this.holder = null;
    await this.persist();
    return { released: true };
  }
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const [, collection, name = ""] = pathname.split("/");
    const lock = () => proxyDurable(env.LOCKS, { parse: true }).get(name) as LockStub;
    const holder = searchParams.get("holder") ?? "";
    switch (`${request.method} ${collection}`) {
      case "POST locks":
        return Response.json(await lock().acquire(holder, Number(searchParams.get("ttl"))));
      case "DELETE locks":
        return Response.json(await lock().release(holder));
      case "PUT files":
        await env.FILES.put(name, await request.text());
        return new Response(null, { status: 204 });
      case "GET files": {
        const file = await env.FILES.get(name);
        return file === null ? new Response(null, { status: 404 }) : new Response(file.body);
      }
      default:
        return new Response(null, { status: 404 });
    }
  },
} satisfies ExportedHandler<LockEnv>;
