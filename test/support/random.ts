// Owns chance in tests that run outside workerd: seeded, printed, replayable.

/** A source of numbers in [0, 1). HOLDFAST_SEED replays a run. */
export function chance(what: string): () => number {
  const seed = Number(process.env["HOLDFAST_SEED"] ?? "") || Date.now() % 1_000_000;
  console.log(`${what}: seed ${seed} (HOLDFAST_SEED replays it)`);
  let state = seed;
  // Mulberry32: small, and good enough to choose moments.
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
