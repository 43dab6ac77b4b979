import { describe, it } from "node:test";
import process from "node:process";
import { recorded, variables } from "../cases/golden_differences.ts";
import { files, longNameRows, longNames, msdos, type Row, sysctl } from "../cases/golden_tools.ts";
import { assert, assertEquals } from "../assert.ts";
import { isDeno, type Shell, within } from "./helpers.ts";

const plain = (text: string) =>
  text.replace(/\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d\b/g, "DATE").replace(
    /in [\d.]+ secs \(\d+ bytes/g,
    "in SECS secs (RATE bytes",
  );

function play(sh: Shell, rows: readonly Row[]): void {
  for (const [command, out, err = "", status = 0] of rows) {
    const r = sh.run(command, { RUMP_SERVER: "unix://sock" });
    assertEquals(
      [plain(r.out), plain(r.err), r.status],
      [out, err, status],
      `${command}\n${r.out}${r.err}exit ${r.status}`,
    );
  }
}
/** The same over NetBSD's wire. */
async function playedOnNetbsd(rows: readonly Row[], drives = ""): Promise<void> {
  await within(async (sh) => {
    disks(sh);
    const program = new URL("netbsd_server.ts", import.meta.url).pathname;
    const server = sh.start(`${runtime} ${program} unix://sock ${drives}`);
    assert(sh.until("[ -e sock ]"));
    play(sh, rows);
    sh.must("rump.halt", { RUMP_SERVER: "unix://sock" });
    assertEquals(await server.ended, 0);
  });
}
const runtime = process.execPath + (isDeno ? " run -A --no-check --no-lock" : "");
const disks = (sh: Shell) => sh.must("truncate -s 64M d.img && mkfs.fat -F 16 d.img && truncate -s 1M raw.img");
const fat = "key=/dev/fat,hostpath=d.img,size=host";
const raw = "key=/dev/raw,hostpath=raw.img,size=host";
async function played(rows: readonly Row[], drives = ""): Promise<void> {
  await within((sh) => {
    disks(sh);
    sh.must(`rump_server -l rumpvfs,rumpfs_tmpfs,rumpfs_msdos ${drives} unix://sock`);
    try {
      play(sh, rows);
    } finally {
      sh.run("rump.halt", { RUMP_SERVER: "unix://sock" });
    }
  });
}
describe("recorded output", () => {
  it("of rump.sysctl", () => played(sysctl));
  it("has every variable that was recorded, or a reason why not", () =>
    within((sh) => {
      sh.must("rump_allserver unix://sock");
      const shown = sh.must("rump.sysctl -a; rump.halt", { RUMP_SERVER: "unix://sock" });
      const ours = new Set([...shown.matchAll(/^([a-z0-9_.]+)(?: =|:) /gm)].map((m) => m[1]));
      const missing = recorded.trim().split(/\s+/).filter((name) => !ours.has(name));
      const reason = (name: string) => variables.find(([prefix]) => name.startsWith(prefix));
      assertEquals(missing.filter((name) => !reason(name)), []);
      assertEquals(variables.filter(([prefix]) => !missing.some((name) => name.startsWith(prefix))), [], "there now");
    }));
  it("of the file tools on tmpfs", () => played(files));
  it("of both over NetBSD's own wire", () => playedOnNetbsd(sysctl).then(() => playedOnNetbsd(files)));
  it("of the file tools on msdos, and what is left on the image", () => played(msdos, `-d ${fat} -d ${raw}`));
  it("of long names on volumes of every kind, made by newfs_msdos", () =>
    within((sh) => {
      for (const { image, size, newfs, said } of longNames) {
        sh.must(`truncate -s ${size.toUpperCase()} ${image}.img`);
        assertEquals(sh.must(`newfs_msdos ${newfs} ${image}.img | head -2`), `${image}.img: ${said}`);
      }
      const drives = longNames.map(({ image }) => `-d key=/dev/${image},hostpath=${image}.img,size=host`);
      sh.must(`rump_server -l rumpvfs,rumpfs_msdos ${drives.join(" ")} unix://sock`);
      try {
        for (const volume of longNames) play(sh, longNameRows(volume));
      } finally {
        sh.run("rump.halt", { RUMP_SERVER: "unix://sock" });
      }
    }));
  it("of msdos over NetBSD's own wire, mounted with its own structure", () => playedOnNetbsd(msdos, `${fat} ${raw}`));
});
