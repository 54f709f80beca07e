// Owns waiting for something, but not for ever. The timer ends with the wait: one left running would keep the object
// awake, and billed.

/** Whether `work` was done within `ms`; rejects as it does. */
export async function doneWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: tooLong, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), tooLong]);
  } finally {
    clearTimeout(timer);
  }
}
