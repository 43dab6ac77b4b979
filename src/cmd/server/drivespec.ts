/** rump_server -d: `key=/dev/dk,hostpath=dk.img,size=1g|host,offset=,type=,disklabel=,format=` (rump_server(1)), and `ro`, `direct`. */
import { parseSize } from "../../lib/getopt.ts";

export interface DriveSpec {
  readonly key: string;
  readonly hostpath: string;
  /** Bytes; "host": as large as the host's file is. */
  readonly size: number | "host";
  readonly offset: number;
  readonly type: "blk" | "chr" | "reg" | "dir";
  /** Partition letter of a BSD disklabel in the file: it gives offset and size. */
  readonly disklabel: string | undefined;
  /** raw, or a format of disk images; undefined: what the file's first bytes say. */
  readonly format: string | undefined;
  /** For reading only. */
  readonly readOnly: boolean;
  /** Past the host's page cache. */
  readonly direct: boolean;
}
/** What is wrong with a specification, in rump_server's words. */
export class DriveSpecError extends Error {
  override readonly name = "DriveSpecError";
}
const tokens = ["key", "hostpath", "size", "offset", "type", "disklabel", "format"] as const;
const types = ["blk", "chr", "reg", "dir"] as const;

/** Words without a value. */
const READ_ONLY = "ro";
const DIRECT = "direct";

/** Split at commas; a comma in a path is written `\,`. */
function fields(spec: string): Map<string, string> {
  const out = new Map<string, string>();
  for (const part of spec.split(/(?<!\\),/)) {
    if (part === READ_ONLY || part === DIRECT) {
      out.set(part, "");
      continue;
    }
    const at = part.indexOf("=");
    const name = at < 0 ? part : part.slice(0, at);
    if (!(tokens as readonly string[]).includes(name)) throw new DriveSpecError("invalid dtoken");
    if (at < 0 || at === part.length - 1) throw new DriveSpecError("incomplete drivespec");
    out.set(name, part.slice(at + 1).replaceAll("\\,", ","));
  }
  return out;
}
function size(text: string, what: string): number {
  const n = parseSize(text);
  if (n === undefined) throw new DriveSpecError(`invalid ${what} ${text}`);
  return n;
}

/** Parse a specification; throws DriveSpecError. */
export function parseDriveSpec(spec: string): DriveSpec {
  const f = fields(spec);
  const [key, hostpath] = [f.get("key"), f.get("hostpath")];
  const type = (f.get("type") ?? "blk") as DriveSpec["type"];
  if (!types.includes(type)) throw new DriveSpecError(`invalid type ${type}`);
  const disklabel = f.get("disklabel");
  if (disklabel !== undefined && !/^[a-p]$/.test(disklabel)) {
    throw new DriveSpecError(`invalid disklabel partition ${disklabel}`);
  }
  if (disklabel !== undefined && (f.has("size") || f.has("offset"))) {
    throw new DriveSpecError("size and offset go without disklabel");
  }
  const sized = f.has("size") || disklabel !== undefined || type === "dir" || type === "reg";
  if (!key || !hostpath || !sized) throw new DriveSpecError("incomplete drivespec");
  const length = f.get("size") ?? "host";
  return {
    key,
    hostpath,
    size: length === "host" ? "host" : size(length, "size"),
    offset: f.has("offset") ? size(f.get("offset")!, "offset") : 0,
    type,
    disklabel,
    format: f.get("format"),
    readOnly: f.has(READ_ONLY),
    direct: f.has(DIRECT),
  };
}
