// Owns the shape of an expected outcome. Expected failures are values; throwing is for bugs.

import type { Problem } from "./problems.ts";

export interface Ok<T> {
  ok: true;
  value: T;
}
export interface Err<E> {
  ok: false;
  problem: E;
}
export type Result<T, E = Problem> = Ok<T> | Err<E>;

export const ok = <T>(value: T): Ok<T> => ({ ok: true, value });
export const err = <E>(problem: E): Err<E> => ({ ok: false, problem });
