// Owns the document that the racing agents share: a counter and a list. Pure.

import { z } from "zod";

const SharedDocument = z.object({ counter: z.number(), members: z.array(z.string()) });

export const EMPTY = JSON.stringify({ counter: 0, members: [] });

/** The document with one more element, as text. */
export function withElement(text: string, element: string): string {
  const { counter, members } = SharedDocument.parse(JSON.parse(text));
  return JSON.stringify({ counter: counter + 1, members: [...members, element] });
}

/** How many of the elements that should be there are not, or are not counted. */
export function lostOf(text: string, elements: readonly string[]): number {
  const { counter, members } = SharedDocument.parse(JSON.parse(text));
  const present = new Set(members);
  const missing = elements.filter((element) => !present.has(element)).length;
  return Math.max(missing, elements.length - counter);
}
