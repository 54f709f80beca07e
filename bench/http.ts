// Owns how benches send HTTP: kept-alive connections from one pool, every request counted. It uses node:http because the
// client shares the machine with what it measures, and node:http costs less than half of fetch.

import { Agent, request } from "node:http";

export interface Sent {
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

export interface Received {
  status: number;
  etag: string | null;
  text: string;
}

export class Http {
  readonly #host: string;
  readonly #port: string;
  /** workerd closes a connection that is idle for 5 s; closing it first leaves no race. */
  readonly #agent = new Agent({ keepAlive: true, timeout: 4000 });
  #sent = 0;

  constructor(url: string) {
    const { protocol, hostname, port } = new URL(url);
    if (protocol !== "http:") throw new Error(`${url} is not a server on this machine`);
    [this.#host, this.#port] = [hostname, port];
  }

  /** Requests sent so far. */
  get sent(): number {
    return this.#sent;
  }

  send(method: string, path: string, { headers = {}, body }: Sent = {}): Promise<Received> {
    this.#sent++;
    const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const sending = request(
        { host: this.#host, port: this.#port, path, method, agent: this.#agent, headers: { ...headers, ...length } },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => (text += chunk));
          response.on("error", reject);
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, etag: response.headers.etag ?? null, text }),
          );
        },
      );
      sending.on("error", reject);
      sending.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
