// Owns the scene that samples act on: a file that its holder has locked exclusively, with a second request of the
// holder's own waiting, and people of the organization who may be given something, or lose it.

import { type Agent, type FileView, lock, newFile, queue, type World } from "./world.ts";

/** Where scenes are played. */
export interface Stage {
  world: World;
  /** Owns the organization and the workspace; whatever a sample needs is prepared through it. */
  owner: Agent;
  workspace: string;
  /** With its closing slash. Each scene has a folder of its own below it. */
  folder: string;
}

export interface Scene extends Stage {
  file: FileView;
  /** Of the file, with its closing slash. */
  fileFolder: string;
  lockId: string;
  ticket: string;
  /** A member that may be removed. */
  member: Agent;
  /** One of the organization that is not a member yet. */
  newcomer: Agent;
  /** Different in each scene; part of every new name. */
  number: number;
}

let scenes = 0;

/** `arrange` is done when the file is there and before it is locked. */
export async function newScene(
  stage: Stage,
  holder: Agent = stage.owner,
  arrange: (file: FileView) => Promise<void> = async () => undefined,
): Promise<Scene> {
  const { world, owner, workspace, folder } = stage;
  const number = ++scenes;
  const member = await world.agent(owner, `member ${number}`);
  const newcomer = await world.agent(owner, `newcomer ${number}`);
  await world.setRole(owner, workspace, member, "editor");
  const fileFolder = `${folder}${number}/`;
  const file = await newFile(owner, workspace, `${fileFolder}secret.csv`, "secret content");
  await arrange(file);
  const { lockId } = await lock(holder, file, { purpose: "a secret purpose" });
  const { ticket } = await queue(holder, file);
  return { ...stage, file, fileFolder, lockId, ticket, member, newcomer, number };
}
