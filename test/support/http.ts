// Owns how tests speak to the API: plain requests, as curl would send them, with answers read to their end. It knows
// HTTP and nothing of the product, so that it cannot share a mistake with it. Runs in workerd and in Node.

export type Send = (request: Request) => Promise<Response>;

export interface Options {
  query?: Record<string, string | number | boolean>;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  content?: string | Uint8Array | ReadableStream<Uint8Array> | undefined;
  signal?: AbortSignal;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  [data: string]: unknown;
}

/** An answer, read to its end. */
export class Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #request: string;

  constructor(request: string, { status, headers }: Response, bytes: Uint8Array<ArrayBuffer>) {
    this.#request = request;
    this.status = status;
    this.headers = headers;
    this.bytes = bytes;
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  header(name: string): string | null {
    return this.headers.get(name);
  }

  /** The body of an answer that must have this status; throws with everything one wants to know otherwise. */
  as<T>(...statuses: number[]): T {
    this.must(...statuses);
    return JSON.parse(this.text) as T;
  }

  must(...statuses: number[]): this {
    if (!statuses.includes(this.status)) {
      throw new Error(`${this.#request}: expected ${statuses.join(" or ")}, got ${this.status} ${this.text}`);
    }
    return this;
  }

  /** The problem of a refusal, which must look like one. */
  get problem(): Problem {
    const type = this.headers.get("Content-Type");
    if (type !== "application/problem+json") {
      throw new Error(`${this.#request}: expected a problem, got ${this.status} ${type} ${this.text.slice(0, 500)}`);
    }
    const problem = JSON.parse(this.text) as Problem;
    if (problem.status !== this.status) throw new Error(`${this.#request}: the problem's status differs: ${this.text}`);
    return problem;
  }

  /** Status and code together, for comparing outcomes at a glance. */
  get outcome(): string {
    return this.status < 400 ? String(this.status) : `${this.status} ${this.problem.code}`;
  }
}

export class Client {
  readonly #send: Send;
  readonly #base: string;
  readonly key: string | null;

  constructor(send: Send, base: string, key: string | null) {
    this.#send = send;
    this.#base = base;
    this.key = key;
  }

  /** The same, with another key. */
  with(key: string | null): Client {
    return new Client(this.#send, this.#base, key);
  }

  async ask(method: string, path: string, options: Options = {}): Promise<Answer> {
    const request = this.request(method, path, options);
    const response = await this.#send(request);
    return new Answer(`${method} ${path}`, response, new Uint8Array(await response.arrayBuffer()));
  }

  request(method: string, path: string, { query = {}, headers = {}, json, content, signal }: Options = {}): Request {
    const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
    const url = this.#base + path + (search.size > 0 ? `?${search.toString()}` : "");
    const all = new Headers(headers);
    if (this.key !== null && !all.has("Authorization")) all.set("Authorization", `Bearer ${this.key}`);
    if (json !== undefined && !all.has("Content-Type")) all.set("Content-Type", "application/json");
    const body = json === undefined ? content : JSON.stringify(json);
    return new Request(url, {
      method,
      headers: all,
      redirect: "manual",
      ...(signal === undefined ? {} : { signal }),
      ...(body === undefined ? {} : { body: body as string }),
      ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
    });
  }

  readonly get = (path: string, options?: Options): Promise<Answer> => this.ask("GET", path, options);
  readonly put = (path: string, options?: Options): Promise<Answer> => this.ask("PUT", path, options);
  readonly post = (path: string, options?: Options): Promise<Answer> => this.ask("POST", path, options);
  readonly patch = (path: string, options?: Options): Promise<Answer> => this.ask("PATCH", path, options);
  readonly delete = (path: string, options?: Options): Promise<Answer> => this.ask("DELETE", path, options);
}
