/** ioctl(2) of NetBSD's programs: the structure, and the memory that it points at, are fetched and stored behind their addresses. */
import process from "node:process";
import { describe, it } from "node:test";
import { BIOC } from "../../src/abi/bpf.ts";
import { AF_INET, SOCK_DGRAM } from "../../src/abi/flags.ts";
import { IfClonereq, Ifconf, Ifreq } from "../../src/abi/net_structs.ts";
import { pointedBy, SIOC } from "../../src/abi/sockio.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { pipelinedClient } from "../../src/proxy/client.ts";
import { Class, spFrame, Type } from "../../src/proxy/sysproxy.ts";
import { assert, assertEquals } from "../assert.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { ifreq, numberOf } from "../net/control.ts";
import { CClient } from "./c_client.ts";
import { served } from "./helpers.ts";

const SOCKET = 394;
const IOCTL = 54;
async function client() {
  const s = await served();
  const c = new CClient(s.dial());
  await c.guest();
  const { ret: fd } = await c.syscall(SOCKET, AF_INET, SOCK_DGRAM, 0);
  const ioctl = async (com: number, address: number | bigint) => (await c.syscall(IOCTL, fd, com, address)).error;
  return { ...s, c, fd, ioctl };
}
/** A structure with a count and a pointer at 8. */
function pointing(c: CClient, count: number, at: number, address: number): number {
  const data = new Uint8Array(16);
  viewOf(data).setInt32(at, count, true);
  viewOf(data).setBigUint64(8, BigInt(address), true);
  return c.put(data);
}

describe("ioctl over NetBSD's wire", () => {
  it("a structure goes both ways", async () => {
    const { c, ioctl } = await client();
    const at = c.put(ifreq("lo0"));
    assertEquals(await ioctl(SIOC.SIOCGIFMTU, at), 0);
    assertEquals(viewOf(c.at(at, Ifreq.size)).getInt32(16, true), 65_535);
  });
  it("one that only goes in is not stored", async () => {
    const { c, ioctl } = await client();
    const at = c.put(ifreq("lo0", new Uint8Array(new Int32Array([1500]).buffer)));
    assertEquals(await ioctl(SIOC.SIOCSIFMTU, at), 0);
    assertEquals(c.seen.filter((f) => f.class === Class.REQ).map((f) => f.type), [Type.COPYIN]);
  });
  it("a bad address is EFAULT, as is no structure", async () => {
    const { ioctl } = await client();
    assertEquals(await ioctl(SIOC.SIOCGIFMTU, 0), 14);
  });
  it("names of kinds of interfaces go to the buffer that is pointed at", async () => {
    const { c, ioctl } = await client();
    const buffer = c.room(32);
    const at = pointing(c, 2, IfClonereq.at.count, buffer);
    assertEquals(await ioctl(SIOC.SIOCIFGCLONERS, at), 0);
    assertEquals([...c.at(buffer, 3)], [...new TextEncoder().encode("lo\0")]);
    assertEquals(viewOf(c.at(at, 4)).getInt32(0, true), 1);
  });
  it("a null pointer asks how much there is", async () => {
    const { c, ioctl } = await client();
    const at = pointing(c, 0, Ifconf.at.length, 0);
    assertEquals(await ioctl(SIOC.SIOCGIFCONF, at), 0);
    assertEquals(viewOf(c.at(at, 4)).getInt32(0, true), 2 * Ifreq.size);
  });
  it("only what was told is stored in a large buffer", async () => {
    const { c, ioctl } = await client();
    const buffer = c.room(4096);
    c.at(buffer, 4096).fill(0xee);
    const at = pointing(c, 4096, Ifconf.at.length, buffer);
    assertEquals(await ioctl(SIOC.SIOCGIFCONF, at), 0);
    assertEquals(viewOf(c.at(at, 4)).getInt32(0, true), 2 * Ifreq.size);
    assertEquals(c.at(buffer, 4096).indexOf(0xee, 2 * Ifreq.size), 2 * Ifreq.size);
  });
  it("a count nobody can mean is EINVAL", async () => {
    const { c, ioctl } = await client();
    assertEquals(await ioctl(SIOC.SIOCGIFCONF, pointing(c, 0x7fff_ffff, Ifconf.at.length, 0x40_0000)), 22);
  });
  it("no structure and no pointer does harm", async () => {
    const { c, ioctl, kernel } = await client();
    const seed = seedOf();
    process.stdout.write(`native ioctl fuzz: SEED=${seed}\n`);
    const random = randomOf(seed);
    const commands = [...Object.values(SIOC), ...Object.values(BIOC)];
    const at = c.room(8192);
    c.answer = (frame) => {
      if (frame.type === Type.COPYOUT) return true; // wherever it goes
      // Sometimes the client has no such memory, or gives less than was asked for.
      const bad = viewOf(frame.body).getBigUint64(8, true) !== BigInt(at);
      if (!bad && random(10) > 0) return false;
      c.send(spFrame(Class.RESP, Type.COPYIN, frame.reqno, random(2) ? 14 : 0, new Uint8Array(random(8))));
      return true;
    };
    let done = 0;
    for (; done < 2000 && c.open; done++) {
      const memory = c.at(at, 400);
      for (let k = 0; k < memory.length; k++) memory[k] = random(6) ? 0 : random(256);
      if (random(2)) memory.set(new TextEncoder().encode("lo0\0"));
      const d = viewOf(memory);
      for (const place of [0, 8, 24, 32, 40]) {
        if (random(3) === 0) d.setBigUint64(place, BigInt(at + random(500)), true);
      }
      const com = commands[random(commands.length)]!;
      const p = pointedBy(com);
      if (p && random(2)) d.setInt32(p.count, random(300), true);
      const error = await ioctl(com, at);
      assert(error >= 0 && error < 100, `${com.toString(16)}: ${error}`);
    }
    assertEquals([kernel.log.lines.filter((l) => l.startsWith("bug")), done], [[], 2000]);
  });
  it("our own client gives the memory that is pointed at its address", async () => {
    const { dial } = await served({ version: "NetBSD-7.99.34" });
    const { sys } = await pipelinedClient(dial(), "ours");
    const fd = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
    const data = new Uint8Array(Ifconf.size + 2 * Ifreq.size);
    Ifconf.set.length(viewOf(data), 0, 2 * Ifreq.size);
    await sys.ioctl({ fd, com: SIOC.SIOCGIFCONF, data });
    const names = [0, 1].map((i) => Ifreq.get.name(viewOf(data), Ifconf.size + i * Ifreq.size));
    assertEquals([Ifconf.get.length(viewOf(data), 0), ...names], [2 * Ifreq.size, "lo0", "lo0"]);
    const size = new Uint8Array(Ifconf.size);
    await sys.ioctl({ fd, com: SIOC.SIOCGIFCONF, data: size });
    assertEquals(Ifconf.get.length(viewOf(size), 0), 2 * Ifreq.size);
  });
  it("both wires see the same interface", async () => {
    const { kernel, c, ioctl } = await client();
    const sys = kernel.calls(kernel.fork("other"));
    const fd = sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 }) as number;
    await ioctl(SIOC.SIOCSIFMTU, c.put(ifreq("lo0", new Uint8Array(new Int32Array([1400]).buffer))));
    assertEquals(numberOf(sys, fd, "SIOCGIFMTU", "lo0"), 1400);
  });
});
