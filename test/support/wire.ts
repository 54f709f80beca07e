// Owns requests as bytes on a connection, for what a well-behaved client cannot do: break off, drip, lie about lengths.

import { connect, type Socket } from "node:net";

export interface RawAnswer {
  status: number;
  head: string;
  body: string;
}

/** A connection on which a request's parts are sent by hand. */
export class Wire {
  readonly #socket: Socket;
  readonly #ended: Promise<void>;
  #received = "";

  static async open(url: string): Promise<Wire> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new Wire(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => (this.#received += chunk));
    // A reset is an end like any other here; what arrived before it is what counts.
    this.#ended = new Promise((resolve) => socket.once("error", () => resolve()).once("close", () => resolve()));
  }

  /** Sends a request's head, each header on a line of its own, as given. */
  head(method: string, target: string, headers: string[]): void {
    this.send(`${[`${method} ${target} HTTP/1.1`, "Host: holdfast", ...headers].join("\r\n")}\r\n\r\n`);
  }

  send(bytes: string): void {
    this.#socket.write(bytes, "latin1");
  }

  /** Closes as a process that dies does: quietly. */
  close(): void {
    this.#socket.destroy();
  }

  /** Closes with a reset. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Says that nothing more will be sent, and goes on listening. */
  finish(): void {
    this.#socket.end();
  }

  /** The first answer, as far as it came before the connection ended or the time was up. */
  async answer(withinMs: number): Promise<RawAnswer | null> {
    const deadline = Date.now() + withinMs;
    let open = true;
    void this.#ended.then(() => (open = false));
    for (;;) {
      const answer = this.#parse();
      if (answer !== null || !open || Date.now() > deadline) return answer;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Whether the other side has closed. */
  get isOver(): boolean {
    return this.#socket.readableEnded || this.#socket.destroyed;
  }

  /** What came of a single answer: its head, and how many bytes followed it. */
  everything(): { head: string; rest: number } {
    const end = this.#received.indexOf("\r\n\r\n");
    return { head: this.#received.slice(0, end), rest: this.#received.length - end - 4 };
  }

  #parse(): RawAnswer | null {
    const [head = "", ...rest] = this.#received.split("\r\n\r\n");
    if (rest.length === 0) return null;
    const body = rest.join("\r\n\r\n");
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    const isWhole = length === undefined ? body.endsWith("0\r\n\r\n") : body.length >= Number(length);
    return isWhole ? { status: Number(head.slice(9, 12)), head, body } : null;
  }
}
