// Owns a wait on behalf of an agent: the Worker holds the agent's request open and is woken by the file's object
// through a hibernating WebSocket, so that waiting keeps no object awake.

import { CLAIM, type Turn, YOUR_TURN } from "../domain/turns.ts";
import type { FileStub } from "./objects.ts";

export class TurnSocket {
  readonly #socket: WebSocket;
  readonly #messages: string[] = [];
  #listener: (() => void) | null = null;
  #closed = false;

  /** Connects as a waiter; null when the file does not exist. */
  static async open(file: FileStub, turn: Turn, signal: AbortSignal): Promise<TurnSocket | null> {
    const headers = { Upgrade: "websocket", turn: JSON.stringify(turn) };
    const { webSocket } = await file.fetch("https://file/turn", { headers });
    return webSocket === null ? null : new TurnSocket(webSocket, signal);
  }

  private constructor(socket: WebSocket, signal: AbortSignal) {
    this.#socket = socket;
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string") this.#messages.push(data);
      this.#listener?.();
    });
    const end = () => {
      this.#closed = true;
      this.#listener?.();
    };
    socket.addEventListener("close", end);
    socket.addEventListener("error", end);
    signal.addEventListener("abort", () => {
      this.close();
      end();
    });
  }

  /** Whether the turn came before `deadline` (epoch milliseconds). */
  async turn(deadline: number): Promise<boolean> {
    return (await this.#next(deadline)) === YOUR_TURN;
  }

  /** Collects what the turn brought: the answer of `claimLock`, as JSON; null when the connection broke. */
  async claim(deadline: number): Promise<string | null> {
    if (this.#closed) return null;
    this.#socket.send(CLAIM);
    let message = await this.#next(deadline);
    while (message === YOUR_TURN) message = await this.#next(deadline);
    return message;
  }

  close(): void {
    if (!this.#closed) this.#socket.close(1000, "done");
  }

  async #next(deadline: number): Promise<string | null> {
    if (this.#messages.length === 0 && !this.#closed) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, Math.max(0, deadline - Date.now()));
      this.#listener = resolve;
      await promise;
      this.#listener = null;
      clearTimeout(timer);
    }
    return this.#messages.shift() ?? null;
  }
}
