// Owns how random tests are replayed: HOLDFAST_SEED fixes what is drawn, HOLDFAST_RUNS how much of it. Both are
// printed by every suite that draws.

export const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 2 ** 31);
export const numRuns = Number(process.env["HOLDFAST_RUNS"] ?? 10_000);

export const tellHowToReplay = (): void => console.info(`to replay: HOLDFAST_SEED=${seed} HOLDFAST_RUNS=${numRuns}`);
