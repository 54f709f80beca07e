// Owns what a file does by itself when its alarm rings. Each job is idempotent and does nothing when there is nothing
// to do; one that depends on somebody who fails is tried again later, and never disturbs the locks.

import { nextDeadline } from "../../src/domain/locks/durability.ts";
import { plain } from "../../src/platform/objects.ts";
import { finishCreation, finishDeletion } from "./naming.ts";
import { doneWithin } from "../patience.ts";
import { acknowledged, nextBatch } from "./outbox.ts";
import type { FileShell } from "./shell.ts";

/** New locks may end before those that were there when the errands began. */
const GLANCE_MS = 500;

export class Jobs {
  readonly #shell: FileShell;
  readonly #blobs: R2Bucket;
  #failures = 0;

  constructor(shell: FileShell, blobs: R2Bucket) {
    this.#shell = shell;
    this.#blobs = blobs;
  }

  async run(): Promise<void> {
    const shell = this.#shell;
    await shell.alarm.ring(async () => {
      this.#letTimePass();
      if (!shell.isQuiet()) await this.#meanwhile(this.#errands());
    });
    if (await this.#isSpent()) await shell.destroy();
    else shell.alarm.wakeBy(shell.due());
  }

  /** Errands may take long (a slow database, say); locks end on time all the same. */
  async #meanwhile(errands: Promise<void>): Promise<void> {
    while (!(await doneWithin(errands, this.#untilDeadlineMs()))) this.#letTimePass();
  }

  #untilDeadlineMs(): number {
    const { record, sockets } = this.#shell;
    const deadline = record === null ? null : nextDeadline(record.locks, sockets.connected());
    return Math.min(GLANCE_MS, Math.max(0, (deadline ?? Infinity) - Date.now()));
  }

  /** What depends on others. If one of them fails, all is tried again later. */
  async #errands(): Promise<void> {
    const shell = this.#shell;
    try {
      await this.#settleName();
      await this.#ship();
      await this.#sweep();
      this.#failures = 0;
    } catch (error) {
      console.warn({ message: "file jobs put off", file: shell.id, failures: ++this.#failures, error: String(error) });
      shell.backOff(this.#failures);
    }
  }

  #letTimePass(): void {
    const { record } = this.#shell;
    if (record === null) return;
    const decision = this.#shell.decide({ record, at: this.#shell.at(record.policy) }, { type: "tick" });
    this.#shell.commit({ decision });
  }

  async #settleName(): Promise<void> {
    const { record } = this.#shell;
    if (record?.status === "staged") await finishCreation(this.#shell, record);
    if (record?.status === "deleting") await finishDeletion(this.#shell, record);
  }

  /** Ships all that is recorded by now: being awake anyway, it costs less than another alarm later. */
  async #ship(): Promise<void> {
    const shell = this.#shell;
    const end = shell.record?.nextEvent ?? 0;
    for (let record = shell.record; record !== null; record = shell.record) {
      const events = nextBatch(record, shell.tables);
      const first = events[0];
      if (first === undefined || first.n >= end) return;
      const receipt = await plain(shell.workspace(record).ship({ file: shell.id, events }));
      if (!receipt.ok) throw new Error(`not received: ${receipt.problem.code}`);
      if (shell.record !== null) shell.commit(acknowledged(shell.record, shell.tables, receipt.value));
    }
  }

  async #sweep(): Promise<void> {
    const due = this.#shell.tables.garbageDue(Date.now());
    if (due.length === 0) return;
    await this.#blobs.delete(due);
    this.#shell.commit({ also: () => this.#shell.tables.removeGarbage(due) });
  }

  /** Deleted, told to everyone, swept, and nobody may still repeat the request. */
  async #isSpent(): Promise<boolean> {
    const { record, tables, replies } = this.#shell;
    if (record?.status !== "deleted") return false;
    const remembered = (replies.neededUntil() ?? 0) > Date.now();
    return nextBatch(record, tables).length === 0 && tables.nextGarbageAt() === null && !remembered;
  }
}
