/** Files of the host that grow at their end (captures, logs): what plugins see of them. */

/** What is in it is never changed, and nobody else who keeps to this has it open. */
export interface GrowingFile {
  /** Bytes. */
  readonly size: number;
  /** Its first bytes, `count` of them or as many as there are. */
  head(count: number): Uint8Array;
  /** Write all of it at the end, or nothing. Throws errno. */
  append(bytes: Uint8Array): void;
  close(): void;
}

/**
 * Makes the file (0644, empty) where there is none; of a path's last name no link is followed. EFTYPE: it is no file; EBUSY:
 * somebody has it. Throws errno.
 */
export type OpenGrowingFile = (path: string) => GrowingFile;
