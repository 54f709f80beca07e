// Owns an object's single alarm. It is armed lazily: an alarm that comes too early finds nothing to do and arms the
// right one, so moving a deadline later costs nothing and only an earlier one is written (one row).

export class Alarm {
  readonly #storage: DurableObjectStorage;
  #armedAt: number | null = null;
  #ringing = false;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** To be called once in the constructor, inside blockConcurrencyWhile. */
  async load(): Promise<void> {
    this.#armedAt = await this.#storage.getAlarm();
  }

  /**
   * Does what the alarm rang for. Meanwhile nothing is armed: the next time is known only afterwards, and the platform
   * rings again by itself should the object die before.
   */
  async ring(work: () => Promise<void>): Promise<void> {
    this.#ringing = true;
    try {
      await work();
    } finally {
      this.#ringing = false;
      this.#armedAt = null;
    }
  }

  /** Makes sure that the object wakes at `due` (epoch milliseconds) or before. */
  wakeBy(due: number | null): void {
    if (this.#ringing || due === null || (this.#armedAt !== null && this.#armedAt <= due)) return;
    this.#armedAt = due;
    void this.#storage.setAlarm(due);
  }
}
