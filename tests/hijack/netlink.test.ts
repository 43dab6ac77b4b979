/** Answers to netlink(7)'s requests: by a kernel here, whose tables are asked. SEED, SECONDS. */
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { answers, type Asking } from "../../src/hijack/netlink/answer.ts";
import { attribute, joined, message, number, packed, text } from "../../src/hijack/netlink/build.ts";
import { Questions, type Source } from "../../src/hijack/proc/questions.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { AF, Ifinfomsg, IFLA, NLM_F, NLMSG, Nlmsghdr, RTA, RTM, Rtmsg } from "../../src/hijack/netlink/rtnetlink.ts";
import { boot } from "../../src/rump.ts";
import { assert, assertEquals } from "../assert.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";

const PID = 77;
const FAMILY = new Uint8Array([0]);
const { REQUEST, DUMP, ACK } = NLM_F;
const [EPERM, EBUSY, ENODEV, EINVAL, EOPNOTSUPP] = [1, 16, 19, 22, 95];

/** Messages in datagrams; an error's number, where it is one. */
function read(datagrams: readonly Uint8Array[]) {
  return datagrams.flatMap((bytes) => {
    const d = viewOf(bytes);
    const found = [];
    for (let at = 0; at < bytes.length;) {
      const { length, type, seq, pid, flags } = Nlmsghdr.dump(d, at);
      assert(length >= Nlmsghdr.size && at + length <= bytes.length, `${length} at ${at} of ${bytes.length}`);
      const error = type === NLMSG.ERROR ? 0 - d.getInt32(at + Nlmsghdr.size, true) : undefined;
      found.push({ type, seq, pid, flags, error });
      at += Math.ceil(length / 4) * 4;
    }
    return found;
  });
}

describe("netlink's answers", () => {
  let asking: Asking;
  let halt: () => Promise<unknown>;
  before(async () => {
    const kernel = await boot({ components: ["rumpnet_netinet6"] });
    const source = { remote: { sys: kernel.sys }, again: () => undefined } as unknown as Source;
    halt = () => kernel.halt();
    asking = { ask: new Questions(source, () => 0), pid: PID, root: true, now: () => 0 };
  });
  after(() => halt());
  const ask = async (type: number, flags: number, body: Uint8Array) =>
    read(await answers(asking, message({ type, flags: flags | REQUEST, seq: 5, pid: 0 }, body)));
  const error = async (type: number, flags: number, body: Uint8Array) =>
    (await ask(type, flags, body)).map((m) => m.error);
  const link = (index: number, ...attributes: Uint8Array[]) => joined([packed(Ifinfomsg, { index }), ...attributes]);

  it("a dump's are all of many, and the last one says so", async () => {
    const all = await ask(RTM.GETLINK, DUMP, FAMILY);
    assertEquals(all.map((m) => [m.type, m.flags, m.seq, m.pid]), [
      [RTM.NEWLINK, NLM_F.MULTI, 5, PID],
      [NLMSG.DONE, NLM_F.MULTI, 5, PID],
    ]);
  });
  it("one interface is found by its number", async () =>
    assertEquals((await ask(RTM.GETLINK, 0, link(1))).map((m) => m.type), [RTM.NEWLINK]));
  it("one interface is found by its name, and that it was done is told who asks for that", async () => {
    const all = await ask(RTM.GETLINK, ACK, link(0, text(IFLA.IFNAME, "lo0")));
    assertEquals(all.map(({ type, error: e }) => [type, e]), [[RTM.NEWLINK, undefined], [NLMSG.ERROR, 0]]);
  });
  it("an interface that is not there is ENODEV", async () =>
    assertEquals(await error(RTM.GETLINK, 0, link(9)), [ENODEV]));
  it("no interface is EINVAL", async () => assertEquals(await error(RTM.GETLINK, 0, link(0)), [EINVAL]));
  it("a request that ends within its header is EINVAL", async () =>
    assertEquals(await error(RTM.GETLINK, 0, FAMILY), [EINVAL]));
  it("an attribute longer than its message is none", async () => {
    const long = number(IFLA.IFNAME, 0);
    viewOf(long).setUint16(0, 0xffff, true);
    assertEquals(await error(RTM.GETLINK, 0, link(0, long)), [EINVAL]);
  });
  it("a destination of another length is EINVAL", async () => {
    const short = attribute(RTA.DST, new Uint8Array(3));
    assertEquals(await error(RTM.GETROUTE, 0, joined([packed(Rtmsg, { family: AF.INET }), short])), [EINVAL]);
  });
  it("what is not known is EOPNOTSUPP", async () => {
    assertEquals(await error(34, DUMP, FAMILY), [EOPNOTSUPP]);
    assertEquals(await error(0xfffe, 0, FAMILY), [EOPNOTSUPP]);
    assertEquals(await error(RTM.GETADDR, DUMP, new Uint8Array([7])), [EOPNOTSUPP]);
  });
  it("a change by an ordinary user is EPERM", async () => {
    const change = message({ type: RTM.NEWADDR, flags: REQUEST, seq: 1, pid: 0 }, new Uint8Array(8));
    assertEquals(read(await answers({ ...asking, root: false }, change)).map((m) => m.error), [EPERM]);
  });
  it("a second dump in a datagram is EBUSY", async () => {
    const one = message({ type: RTM.GETADDR, flags: REQUEST | DUMP, seq: 1, pid: 0 }, FAMILY);
    assertEquals(read(await answers(asking, joined([one, one]))).at(-1)!.error, EBUSY);
  });
  it("what is no request, or longer than its datagram, is passed over", async () => {
    const no = message({ type: RTM.GETLINK, flags: DUMP, seq: 1, pid: 0 }, FAMILY);
    const long = message({ type: RTM.GETLINK, flags: REQUEST | DUMP, seq: 1, pid: 0 }, FAMILY);
    viewOf(long).setUint32(0, 0xffff_ffff, true);
    assertEquals(await answers(asking, joined([no, long])), []);
  });
  it("damaged requests are answered by whole messages, within bounds", async () => {
    const seed = seedOf();
    process.stdout.write(`netlink fuzz: SEED=${seed}\n`);
    const random = randomOf(seed);
    const end = Date.now() + 1000 * Number(process.env.SECONDS ?? 1);
    const bodies = [link(1, text(IFLA.IFNAME, "lo0")), packed(Rtmsg, { family: AF.INET }), FAMILY];
    let told = 0;
    while (Date.now() < end) {
      const of = (): Uint8Array => {
        const flags = REQUEST | (random(2) ? DUMP : 0);
        return message({ type: 16 + random(20), flags, seq: 1, pid: 0 }, bodies[random(3)]!);
      };
      const bytes = joined(Array.from({ length: 1 + random(5) }, of));
      for (let i = random(6); i > 0; i--) bytes[random(bytes.length)] = random(256);
      const datagrams = await answers(asking, bytes.subarray(0, random(bytes.length + 1)));
      assert(datagrams.every((one) => one.length <= 4096));
      told += read(datagrams).length;
    }
    assert(told > 0);
  });
});
