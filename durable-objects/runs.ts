// Owns what is under way in this life of an object, so that the same work, asked for twice at once, is done once.

export class Runs {
  readonly #running = new Map<string, Promise<unknown>>();

  /** Joins the work of this name that is under way, or begins it. The name stands for the work and its answer. */
  async join<T>(name: string, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(name) ?? this.#begin(name, work);
    return running as Promise<T>;
  }

  #begin<T>(name: string, work: () => Promise<T>): Promise<T> {
    const running = work().finally(() => this.#running.delete(name));
    this.#running.set(name, running);
    return running;
  }
}
