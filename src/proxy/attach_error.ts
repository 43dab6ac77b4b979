/** Why a command has no server; apart from attach.ts, so that those who only catch it load nothing else. */

/** A command cannot go on: its lines have been said by `message`, its exit status is 1. */
export class AttachError extends Error {
  override readonly name = "AttachError";
}
