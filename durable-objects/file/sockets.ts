// Owns the open connections of those who wait for this file. They are hibernating WebSockets, held by the Worker on
// behalf of the agent, so a waiting agent keeps no object awake. The object only ever says "your turn"; the answer
// comes when the waiter claims. While anybody waits, the connections also remember the heartbeats (their attachments
// outlive the object's memory and write no row), so that hibernation loses none.

import type { LockId } from "../../src/domain/ids.ts";
import type { Witness } from "../../src/domain/locks/durability.ts";
import type { LockState } from "../../src/domain/locks/state.ts";
import { type Turn, YOUR_TURN } from "../../src/domain/turns.ts";

interface Attachment {
  turn: Turn;
  /** Expiry last told to each holder, epoch milliseconds. */
  told: [LockId, number][];
  /** Whether its end has been dealt with; until then a connection that closes still counts. */
  closed: boolean;
}

export class Sockets {
  readonly #ctx: DurableObjectState;
  /** Whose connection is open; null until asked for again after a change. */
  #connected: ReadonlySet<LockId> | null = null;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  accept(socket: WebSocket, turn: Turn, locks: LockState): void {
    this.#ctx.acceptWebSocket(socket, [turn.lock]);
    attach(socket, { turn, told: toldBy(locks), closed: false });
    this.#connected = null;
  }

  turnOf(socket: WebSocket): Turn {
    return attachmentOf(socket).turn;
  }

  connected(): ReadonlySet<LockId> {
    this.#connected ??= this.#whoIsConnected();
    return this.#connected;
  }

  #whoIsConnected(): Set<LockId> {
    const sockets = this.#ctx.getWebSockets().filter((socket) => isOpen(socket) || !attachmentOf(socket).closed);
    return new Set(sockets.flatMap((socket) => this.#ctx.getTags(socket) as LockId[]));
  }

  /** To be called when a connection's end is dealt with. */
  close(socket: WebSocket): void {
    attach(socket, { ...attachmentOf(socket), closed: true });
    this.#connected = null;
  }

  wake(lock: LockId): void {
    for (const socket of this.#ctx.getWebSockets(lock)) {
      if (isOpen(socket)) socket.send(YOUR_TURN);
    }
  }

  /** To be called after each heartbeat. */
  remember(locks: LockState): void {
    const told = toldBy(locks);
    for (const socket of this.#open()) attach(socket, { ...attachmentOf(socket), told });
  }

  /** What the connections remember after a restart; null when there are none. */
  witness(): Witness | null {
    const [socket] = this.#open();
    return socket === undefined ? null : new Map(attachmentOf(socket).told);
  }

  #open(): WebSocket[] {
    return this.#ctx.getWebSockets().filter(isOpen);
  }
}

const attach = (socket: WebSocket, attachment: Attachment): void => socket.serializeAttachment(attachment);
const attachmentOf = (socket: WebSocket): Attachment => socket.deserializeAttachment() as Attachment;
const isOpen = (socket: WebSocket): boolean => socket.readyState === WebSocket.OPEN;
/** Of claimed locks; the others' claim window is not an expiry. */
const toldBy = ({ locks }: LockState): [LockId, number][] =>
  locks.filter((lock) => lock.claimed).map((lock) => [lock.id, lock.expiresAt]);
