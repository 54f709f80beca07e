// Owns the shares of what came out of random tests: agreement about worlds in which nothing happens proves little.

export class Tally {
  #total = 0;
  readonly #counts: Map<string, number>;

  /** All that is to come out, so that what never does is told as well. */
  constructor(outcomes: readonly string[]) {
    this.#counts = new Map(outcomes.map((outcome) => [outcome, 0]));
  }

  /** What came out of one run. */
  count(...outcomes: string[]): void {
    this.#total++;
    for (const outcome of outcomes) this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
  }

  /** Those that came out of fewer than so many percent of the runs. */
  rarerThan(percent: number): string[] {
    return [...this.#counts].filter(([, count]) => this.#percent(count) < percent).map(([outcome]) => outcome);
  }

  /** For people. */
  get shares(): string {
    const lines = [...this.#counts].map(
      ([outcome, count]) => `${this.#percent(count).toFixed(1).padStart(5)} % ${outcome}`,
    );
    return [`of ${this.#total} runs:`, ...lines].join("\n");
  }

  #percent(count: number): number {
    return (100 * count) / this.#total;
  }
}
