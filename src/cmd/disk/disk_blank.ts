/** New images of any format for rump disk create: empty ones, changes of others, and what all of them have in common. */
import type { Host } from "../../host/host.ts";
import type { Kernel } from "../../kern/kernel.ts";
import { type Options, parseSize } from "../../lib/getopt.ts";
import { plainKernel } from "./disk_open.ts";
import { makeImage, type Target, targetOf } from "./disk_target.ts";

/** A kernel whose clock stands and whose random bytes are `own`: formats that want them get the same every time. */
export function sameKernel(host: Host, own: Uint8Array, seconds: number): Promise<Kernel> {
  const random = (into: Uint8Array) => into.forEach((_, i) => (into[i] = own[i % own.length]!));
  return plainKernel(host, "", [], { wall: () => seconds * 1000, random });
}
/** What an image is to be, by the words that create and convert have in common. Throws Failure. */
export function newImage(host: Host, kernel: Kernel, program: string, { options, rest }: Options): Promise<Target> {
  const names: Readonly<Record<string, string>> = { format: "O", backing: "target-backing" };
  return targetOf(host, kernel, program, rest[0]!, { options: options.map(([o, v]) => [names[o] ?? o, v]), rest });
}
/** An image with nothing in it, or nothing but what another one has. Throws Failure, and Errors. */
export async function blank(host: Host, program: string, parsed: Options): Promise<void> {
  const value = (name: string) => parsed.options.findLast(([o]) => o === name)?.[1];
  const stray = parsed.options.find(([o]) => !BLANK.has(o))?.[0];
  if (stray !== undefined) throw new Error(`--${stray}: of an image that has something in it`);
  const kernel = await plainKernel(host, program);
  const backing = value("backing");
  const target = await newImage(host, kernel, program, {
    ...parsed,
    options: backing === undefined ? parsed.options : [["format", "qcow2"], ...parsed.options],
  });
  const size = value("size") === undefined ? undefined : parseSize(value("size")!);
  if (size === undefined && (backing === undefined || value("size") !== undefined)) {
    throw new Error(`--size ${value("size") ?? ""}: not a size`);
  }
  await makeImage(host, kernel, program, target, size, () => Promise.resolve());
}
const BLANK: ReadonlySet<string> = new Set(["empty", "backing", "format", "o", "c", "f", "force", "size"]);
