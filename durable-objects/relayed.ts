// Owns how an object gives on a refusal that it got from another one: as its own. The very result of one RPC call, sent
// on as that of another, keeps both objects referenced, so that neither is ever evicted.

import { type Err, err } from "../src/domain/result.ts";

export const relayed = <P>({ problem }: Err<P>): Err<P> => err(problem);
