import { DurableObject } from "cloudflare:workers";
export class FileObject extends DurableObject<Env> {}
