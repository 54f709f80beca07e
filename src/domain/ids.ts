// Owns the branded identifiers. Outside input becomes one of these exactly once, at the edge; inside, a bare
// string cannot be passed where an identifier is meant.

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** 64 hex digits: the id of the file's own object. */
export type FileId = Branded<"FileId">;
/** 64 hex digits: the id of the workspace's own object. */
export type WorkspaceId = Branded<"WorkspaceId">;
/** `org_` and 22 base64url characters (128 random bits). */
export type OrganizationId = Branded<"OrganizationId">;
/** Who acts: an agent (`agt_`) or a human (`hum_`), and 22 base64url characters. */
export type PrincipalId = Branded<"PrincipalId">;
/** `grp_` and 22 base64url characters. */
export type GroupId = Branded<"GroupId">;
/** `grt_` and 22 base64url characters. */
export type GrantId = Branded<"GrantId">;
/** `inv_` and 22 base64url characters. */
export type InvitationId = Branded<"InvitationId">;
/** `trf_` and 22 base64url characters. */
export type TransferId = Branded<"TransferId">;
/** `hnd_` and 22 base64url characters. */
export type HandoffId = Branded<"HandoffId">;
/** `key_` and 22 base64url characters; names an API key without being one. */
export type KeyId = Branded<"KeyId">;
/** `lk_` and 22 base64url characters. While its request waits it is the ticket; once granted, the lock. */
export type LockId = Branded<"LockId">;
/** A normalized absolute path, see paths.ts. */
export type WorkspacePath = Branded<"WorkspacePath">;
