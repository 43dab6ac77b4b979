/** What drivers of compressed images have in common. */
import type { BlockDevice, DiskDriver, DiskRequest, Sys } from "../plugin.ts";
import { anyByte } from "./aligned.ts";
import { otherwise, then } from "./async.ts";
import { packedDisk, type PackedImage, type Part, type Pieces, SMALL } from "./packed_disk.ts";
import { Scratch } from "./scratch.ts";

/** Most parts an image may have. */
export const MOST_PARTS = 1 << 20;

/** An image that is being opened. */
export interface Opening {
  readonly sys: Sys;
  readonly base: BlockDevice;
  /** Tell why it cannot be read, and throw. */
  refuse(why: string): never;
  log(text: string): void;
  /** The disk of parts that are found without unpacking anything. */
  disk(parts: readonly Part[], open: (part: Part) => Pieces): BlockDevice;
  /** The disk of what can only be unpacked from its start to its end, which is done at once. */
  whole(pieces: Pieces & { readonly at: number }): BlockDevice;
}
const NO_ROOM = "there is no directory for files without a name to unpack it to: TMPDIR says where else";

/** A driver of a format. */
export function packedDriver(name: string, open: (o: Opening) => BlockDevice): DiskDriver {
  return {
    kind: "disk",
    name,
    open(sys, _options, request) {
      if (!request?.base) throw sys.errno.ENOTBLK;
      return open(opening(name, sys, request, anyByte(request.base, sys.errno.EIO) as BlockDevice));
    },
  };
}
function opening(name: string, sys: Sys, request: DiskRequest, base: BlockDevice): Opening {
  const log = (text: string) => sys.log(`${name}: ${request.source}: ${text}`);
  const refuse = (why: string): never => {
    log(why);
    throw sys.errno.EINVAL;
  };
  const image: Omit<PackedImage, "parts" | "open" | "scratch"> = { name: request.source, base, errno: sys.errno, log };
  return {
    sys,
    base,
    refuse,
    log,
    disk(parts, open) {
      if (parts.length > MOST_PARTS) refuse(`more than ${MOST_PARTS} parts`);
      const large = parts.some(({ length }) => length > SMALL);
      const scratch = large ? request.scratch?.() ?? refuse(NO_ROOM) : undefined;
      return otherwise(
        () => packedDisk({ ...image, scratch, parts: parts.filter(({ length }) => length > 0), open }),
        () => {
          log("there is not room enough to unpack it to");
          void scratch?.close?.();
        },
      ) as BlockDevice;
    },
    whole(pieces) {
      const scratch = request.scratch?.() ?? refuse(NO_ROOM);
      const size = unpackedWhole(
        new Scratch(scratch, 0, sys.errno),
        pieces,
        (at) => request.progress?.(at / base.size),
        { sys, refuse, log },
      );
      return {
        blockSize: scratch.blockSize,
        ...scratch.nextData && { nextData: (at: number) => then(scratch.nextData!(at), (n) => Math.min(n, size)) },
        name: request.source,
        size,
        read: within(scratch, size, sys.errno.EIO),
        close: () => then(scratch.close?.(), () => base.close?.()),
      };
    },
  };
}
function within(disk: BlockDevice, size: number, eio: Error): BlockDevice["read"] {
  return (into, offset) => {
    if (!(offset >= 0) || offset + into.length > size) throw eio;
    return disk.read(into, offset);
  };
}
/** Bytes there were. */
function unpackedWhole(
  scratch: Scratch,
  pieces: Pieces & { readonly at: number },
  progress: (at: number) => void,
  { sys: { errno }, refuse, log }: Pick<Opening, "sys" | "refuse" | "log">,
): number {
  let size = 0;
  try {
    for (let piece = pieces.next(); piece.length > 0; piece = pieces.next()) {
      scratch.write(piece, size);
      size += piece.length;
      progress(pieces.at);
    }
    return size;
  } catch (e) {
    if (e === errno.EIO) refuse(`damaged, or cut short, before byte ${pieces.at}`);
    log(`cannot be unpacked: ${(e as Error).message}`);
    throw e;
  } finally {
    pieces.close?.();
  }
}
