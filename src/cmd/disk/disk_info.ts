/** rump disk info: what an image is, and what is on the disk in it. */
import type { Host } from "../../host/host.ts";
import type { Kernel } from "../../kern/kernel.ts";
import type { Options } from "../../lib/getopt.ts";
import { isUrl, shownUrl } from "../../lib/urls.ts";
import { human } from "../../lib/human.ts";
import type { DiskFacts } from "../../plugin.ts";
import { type BootImage, bootImagesOf } from "../../wire/el_torito.ts";
import type { Locator } from "../../wire/slices.ts";
import { Failure, type Grammar, reasonOf } from "../cli.ts";
import { formatDriver, formatOf, inWords, lookAt } from "./disk_formats.ts";
import { openWhole, SOURCE_HELP, SOURCE_LETTERS, toolKernel } from "./disk_open.ts";
import { asJson as slicesJson, described, type Found, holdsJson, look, table } from "./disk_slices.ts";
import { directoryOf } from "./disk_new.ts";
import type { ImageUse } from "./image.ts";
import { splitImage } from "./parts.ts";
import { imageUse } from "./image_use.ts";
import { columns } from "../table.ts";

export const infoGrammar: Grammar = {
  usage: "[-j] [--chain] [--format format] [--backing image] [-l plugin] disk",
  about:
    "Show what a disk is (an image of any format, a device, a URL): format, sizes, snapshots, the image it is a change\n" +
    "of; and what is on it: partitions, file systems, what a CD starts machines with.",
  letters: `j${SOURCE_LETTERS}`,
  help: {
    j: "as JSON: sizes in bytes",
    json: "the same",
    chain: "the images it is a change of, too, by the names they give",
    ...SOURCE_HELP,
  },
  examples: ["disk.qcow2", "-j disk.vmdk", "--chain changes.qcow2", "cd.iso"],
};
/** Images that are changes of each other are followed so far. */
const LONGEST_CHAIN = 32;

interface Image {
  readonly path: string;
  readonly format: string;
  /** The format's driver may not tell any. */
  readonly facts: Partial<DiskFacts>;
  /** Bytes of the host's disk; undefined: nobody knows. */
  readonly allocated: number | undefined;
}
interface Disk extends Found {
  readonly boot: readonly BootImage[];
}

export async function info(host: Host, program: string, parsed: Options): Promise<number> {
  const has = (...names: string[]) => parsed.options.some(([o]) => names.includes(o));
  const [path, locator] = splitImage(program, parsed.rest[0]!);
  const kernel = await toolKernel(host, program, parsed);
  const use = { readOnly: true, unlocked: true, ...imageUse(parsed) };
  const images = [await imageOf(host, kernel, program, path, use)];
  if (has("chain")) images.push(...await below(host, kernel, program, images[0]!));
  const chain = has("chain") ? images.slice(1).map((i) => i.path) : [];
  const how = { ...use, ...chain.length > 0 && { backing: chain } };
  const disk = await contentsOf(host, kernel, program, parsed.rest[0]!, how);
  // What the format does not tell the disk itself does.
  if (typeof disk === "object" && !locator) {
    images[0] = { ...images[0]!, facts: { size: disk.size, ...images[0]!.facts } };
  }
  if (has("j", "json")) host.out(`${JSON.stringify(json(shownUrl(parsed.rest[0]!), images, disk))}\n`);
  else host.out(`${text(images, locator, disk).join("\n")}\n`);
  return typeof disk === "object" && disk.complaints.length > 0 ? 1 : 0;
}

/** What an image says of itself. Throws Failure. */
async function imageOf(host: Host, kernel: Kernel, program: string, source: string, use: ImageUse): Promise<Image> {
  const bare = await openWhole(host, kernel, program, source, { readOnly: true, unlocked: true, format: "raw" });
  const path = shownUrl(source);
  try {
    const format = use.format ?? await lookAt(bare, formatOf);
    const allocated = isUrl(source) ? undefined : host.stat(source).allocated;
    if (format === "raw") return { path, format, allocated, facts: { size: bare.size } };
    const driver = await formatDriver(kernel, format);
    const facts = driver.describe &&
      await inWords(kernel, path, () => driver.describe!(kernel.sys, bare, path));
    return { path, format, allocated, facts: facts ?? {} };
  } catch (e) {
    throw new Failure(`${program}: ${path}: ${reasonOf(e)}`);
  } finally {
    await bare.close?.();
  }
}
/** The images an image is a change of, as they name each other: a name counts from where the image is that says it. */
async function below(host: Host, kernel: Kernel, program: string, top: Image): Promise<Image[]> {
  const found: Image[] = [];
  for (let at: Image | undefined = top; at?.facts.backing;) {
    if (found.length >= LONGEST_CHAIN) throw new Failure(`${program}: ${top.path}: more than ${LONGEST_CHAIN} images`);
    const { name, format } = at.facts.backing;
    const place = directoryOf(at.path);
    const path: string = name.startsWith("/") || place === "." ? name : `${place}${name}`;
    // An image must not make connections.
    if (isUrl(name) || isUrl(path)) throw new Failure(`${program}: ${at.path}: names ${name}: only files are followed`);
    at = await imageOf(host, kernel, program, path, { readOnly: true, ...format !== undefined && { format } });
    found.push(at);
  }
  return found;
}
/** What is on the disk; a string: why that cannot be told. */
async function contentsOf(
  host: Host,
  kernel: Kernel,
  program: string,
  source: string,
  how: ImageUse,
): Promise<Disk | string> {
  try {
    const device = await openWhole(host, kernel, program, source, how);
    try {
      return await lookAt(device, (disk) => ({ ...look(disk), boot: bootImagesOf(disk) }));
    } finally {
      await device.close?.();
    }
  } catch (e) {
    return reasonOf(e).replace(`${program}: `, "");
  }
}

function text(images: readonly Image[], locator: Locator | undefined, disk: Disk | string): string[] {
  const lines = images.flatMap((image) => imageText(image));
  if (typeof disk === "string") return [...lines, `not looked into: ${disk}`];
  const whole = disk.whole ? [`holds: ${described(disk.whole)}${disk.whole.uuid ? `, ${disk.whole.uuid}` : ""}`] : [];
  const part = locator ? [`part: ${human(disk.size)}B (${disk.size} bytes)`] : [];
  return [
    ...lines,
    ...part,
    ...whole,
    ...disk.boot.length > 0 ? bootText(disk.boot) : [],
    ...disk.slices.length > 0 ? table(disk) : [],
    ...disk.complaints.map((c) => `note: ${c}`),
  ];
}
function imageText({ path, format, facts, allocated }: Image): string[] {
  const size = (bytes: number) => `${human(bytes)}${bytes < 1000 ? "" : "B"} (${bytes} bytes)`;
  const kind = [format, facts.variant, facts.compression && `compression ${facts.compression}`].filter(Boolean);
  const { backing, snapshots } = facts;
  return [
    `image: ${path}`,
    `format: ${kind.join(", ")}`,
    ...facts.size === undefined ? [] : [`size: ${size(facts.size)}`],
    ...allocated === undefined ? [] : [`on disk: ${size(allocated)}`],
    ...facts.unit === undefined ? [] : [`unit: ${size(facts.unit)}`],
    ...backing ? [`a change of: ${backing.name}${backing.format ? ` (${backing.format})` : ""}`] : [],
    ...snapshots?.map((s) => `snapshot: ${s.id} "${s.name}", ${date(s.time)}, ${size(s.size)}`) ?? [],
    ...facts.notes?.map((note) => `note: ${note}`) ?? [],
  ].map((line) => line.replace(/\p{C}/gu, "?"));
}
const date = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
const bootText = (boot: readonly BootImage[]) =>
  columns(boot, [
    { head: "BOOT", of: (b) => b.platform },
    { head: "BOOTABLE", of: (b) => (b.bootable ? "yes" : "no") },
    { head: "EMULATION", of: (b) => b.media },
    { head: "OFFSET", of: (b) => b.sector * 2048, right: true },
    { head: "SIZE", of: (b) => b.size, right: true },
    { head: "ADDRESS", of: (b) => `0x${b.address.toString(16)}` },
  ]);

const imageJson = ({ path, format, facts, allocated }: Image) => ({
  image: path,
  format,
  variant: facts.variant ?? null,
  size: facts.size ?? null,
  allocated: allocated ?? null,
  unit: facts.unit ?? null,
  compression: facts.compression ?? null,
  backing: facts.backing ?? null,
  snapshots: facts.snapshots ?? [],
  notes: facts.notes ?? [],
});
function json(source: string, [image, ...chain]: readonly Image[], disk: Disk | string) {
  const contents = typeof disk === "string"
    ? { holds: null, boot: [], slices: [], complaints: [disk] }
    : { holds: holdsJson(disk.whole), boot: disk.boot, ...slicesJson(source, disk) };
  return { ...imageJson(image!), chain: chain.map(imageJson), ...contents };
}
