// Owns the Worker in which claims about itty-durable are tried out: the same counter as an itty-durable object and as a
// native one, and a route for each claim.

import { DurableObject } from "cloudflare:workers";
import { createDurable, proxyDurable } from "itty-durable";

interface FactsEnv {
  ITTY: DurableObjectNamespace;
  ITTY_PLAIN: DurableObjectNamespace;
  NATIVE: DurableObjectNamespace<NativeCounter>;
}

/** What a stub of itty-durable looks like to its caller; the library itself knows no types. */
interface IttyStub {
  counter: number;
  increment(): Promise<number>;
  current(): Promise<number>;
  stored(): Promise<{ counter?: number }>;
  becomeUncloneable(): Promise<number>;
  callerAfter(ms: number): Promise<{ caller: string | null }>;
  echo(value: unknown): Promise<unknown>;
  fail(): Promise<never>;
}

export class IttyCounter extends createDurable({ autoPersist: true }) {
  counter = 0;
  // Something an object may well keep: a callback.
  listener: (() => void) | null = null;

  increment(): number {
    return ++this.counter;
  }

  current(): number {
    return this.counter;
  }

  async stored(): Promise<unknown> {
    return (await stateOf(this).storage.get("data")) ?? {};
  }

  becomeUncloneable(): number {
    this.listener = () => undefined;
    return this.counter;
  }

  /** Who called, as the object sees it after some work. */
  async callerAfter(ms: number): Promise<{ caller: string | null }> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { caller: stateOf(this).request.headers.get("caller") };
  }

  echo(value: unknown): unknown {
    return value;
  }

  fail(): never {
    throw Object.assign(new RangeError("out of range"), { code: "out_of_range" });
  }
}

/** Without persistence: nothing but the call. */
export class IttyPlain extends createDurable() {
  current(): number {
    return 0;
  }
}

/** The library puts the request that it is answering into the object's state. */
const stateOf = (object: object): DurableObjectState & { request: Request } =>
  (object as { state: DurableObjectState & { request: Request } }).state;

export class NativeCounter extends DurableObject<FactsEnv> {
  #counter = 0;

  async increment(): Promise<number> {
    this.#counter++;
    await this.ctx.storage.put("data", { counter: this.#counter });
    return this.#counter;
  }

  async current(): Promise<number> {
    return this.#counter;
  }

  async echo(value: Sample): Promise<Sample> {
    return value;
  }
}

/** Values that structured cloning carries. */
interface Sample {
  map: Map<string, number>;
  date: Date;
  bytes: Uint8Array;
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const calls = Number(searchParams.get("calls") ?? 1);
    const itty = (name: string, caller = "") =>
      proxyDurable(env.ITTY, { parse: true }).get(name, { headers: { caller } }) as IttyStub;
    const native = env.NATIVE.get(env.NATIVE.idFromName("native"));
    switch (pathname) {
      case "/cost/itty/increment":
        return repeat(calls, () => itty("cost").increment());
      case "/cost/native/increment":
        return repeat(calls, () => native.increment());
      case "/cost/itty/current":
        return repeat(calls, () => itty("cost").current());
      case "/cost/itty-plain/current":
        return repeat(calls, () => (proxyDurable(env.ITTY_PLAIN, { parse: true }).get("cost") as IttyStub).current());
      case "/cost/native/current":
        return repeat(calls, () => native.current());
      case "/set":
        return Response.json(await setFromOutside(itty("set")));
      case "/persist":
        return Response.json(await persistUncloneable(itty("persist")));
      case "/caller": {
        const [first, second] = await Promise.all([
          itty("caller", "first").callerAfter(50),
          itty("caller", "second").callerAfter(50),
        ]);
        return Response.json({ first: first.caller, second: second.caller });
      }
      case "/values": {
        const sent: Sample = { map: new Map([["a", 1]]), date: new Date(0), bytes: new Uint8Array([1, 2, 3]) };
        return Response.json({ itty: kinds(await itty("values").echo(sent)), native: kinds(await native.echo(sent)) });
      }
      case "/errors":
        return Response.json(await itty("errors").fail().catch(describe));
      default:
        return new Response(null, { status: 404 });
    }
  },
} satisfies ExportedHandler<FactsEnv>;

async function repeat(calls: number, call: () => Promise<number>): Promise<Response> {
  let last = 0;
  for (let n = 0; n < calls; n++) last = await call();
  return Response.json(last);
}

async function setFromOutside(stub: IttyStub): Promise<{ before: number; after: number }> {
  const before = await stub.increment();
  // An assignment to a property of a stub is a request; it cannot be awaited.
  stub.counter = 99;
  await new Promise((resolve) => setTimeout(resolve, 100));
  return { before, after: await stub.current() };
}

async function persistUncloneable(stub: IttyStub) {
  await stub.increment();
  await stub.becomeUncloneable();
  const answered = [await stub.increment(), await stub.increment()].at(-1);
  return { answered, stored: (await stub.stored()).counter };
}

function kinds(value: unknown): Record<string, string> {
  const fields = Object.entries(value as Record<string, object>);
  return Object.fromEntries(fields.map(([name, field]) => [name, field.constructor.name]));
}

function describe(error: unknown): Record<string, unknown> {
  const { constructor, message, code } = error as Error & { code?: string };
  return { class: constructor.name, message, code: code ?? null };
}
