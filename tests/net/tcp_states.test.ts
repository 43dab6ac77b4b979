/** Connections segment by segment: what each state answers (RFC 9293, 3.10.7; 5961; 7323). */
import { describe, it } from "node:test";
import { errno } from "../../src/abi/errno.ts";
import { TcpEngine } from "../../src/net/tcp/engine.ts";
import { Secrets } from "../../src/net/tcp/secrets.ts";
import type { Tcb, TcpUser } from "../../src/net/tcp/tcb.ts";
import { abort, begin, finish, release, write } from "../../src/net/tcp/user.ts";
import { TH_ACK, TH_FIN, TH_PUSH, TH_RST, TH_SYN } from "../../src/wire/tcp.ts";
import { assert, assertEquals } from "../assert.ts";
import { seeded, Sim } from "./tcp_sim.ts";

const TO = { local: 0x0a000001, port: 80, remote: 0x0a000002, remotePort: 5000 };
const names = [
  "CLOSED",
  "LISTEN",
  "SYN_SENT",
  "SYN_RECEIVED",
  "ESTABLISHED",
  "CLOSE_WAIT",
  "FIN_WAIT_1",
  "CLOSING",
  "LAST_ACK",
  "FIN_WAIT_2",
  "TIME_WAIT",
];
const letters: Readonly<Record<string, number>> = { S: TH_SYN, A: TH_ACK, F: TH_FIN, R: TH_RST, P: TH_PUSH };
const flagsOf = (text: string) => [...text].reduce((all, c) => all | letters[c]!, 0);
const textOf = (flags: number) => Object.keys(letters).filter((c) => c !== "P" && flags & letters[c]!).join("");

/** One engine, whose peer is the test. Sequence numbers are told from each side's first. */
class Bench {
  now = 1000;
  readonly engine: TcpEngine;
  c: Tcb | undefined;
  /** What it sent: flags, number, acknowledgement, bytes. */
  out: string[] = [];
  over: string | undefined;
  readonly user: TcpUser = {
    connected() {},
    readable() {},
    writable() {},
    closed: (e) => void (this.over = e ? e.message : "closed"),
  };
  iss = 0;
  readonly irs = 5000;
  stamp: number | undefined;

  constructor(listens: boolean) {
    this.engine = new TcpEngine({
      now: () => this.now,
      random: (into) => into.fill(7),
      alarm: () => {},
      send: (_to, out) => {
        if (out.flags & TH_SYN) this.iss = out.seq;
        const ack = out.flags & TH_ACK ? (out.ack - this.irs) | 0 : 0;
        this.out.push(`${textOf(out.flags)} ${(out.seq - this.iss) | 0}:${ack}${out.length ? `+${out.length}` : ""}`);
        return undefined;
      },
      mtu: () => 1500,
      learned() {},
      listener: () =>
        listens
          ? {
            hasRoom: true,
            came: (c) => {
              this.c = c;
              c.user = this.user;
              return true;
            },
          }
          : undefined,
    });
    this.engine.settings.timestamps = false;
  }
  /** A segment of the peer; what is answered. */
  get(
    flags: string,
    seq: number,
    ack = 0,
    length = 0,
    more: { window?: number; stamp?: number; sackPermitted?: boolean; sacks?: number[] } = {},
  ) {
    const s = this.engine.segment;
    s.clearOptions();
    s.flags = flagsOf(flags);
    s.seq = (this.irs + seq) | 0;
    s.ack = (this.iss + ack) | 0;
    s.window = more.window ?? 8000;
    s.bytes = new Uint8Array(length);
    s.at = 0;
    s.length = length;
    if (more.stamp !== undefined) [s.stamped, s.stamp] = [true, more.stamp];
    s.sackPermitted = more.sackPermitted ?? false;
    s.sackCount = (more.sacks?.length ?? 0) / 2;
    s.sacks.set(more.sacks ?? []);
    this.out = [];
    this.engine.input(TO, s);
    return this.out.join(", ");
  }
  /** Let time pass; what goes out. */
  pass(ms: number): string {
    this.out = [];
    for (const end = this.now + ms; this.now < end;) {
      this.now += 10;
      this.engine.run();
    }
    return this.out.join(", ");
  }
  connect(): void {
    this.c = this.engine.create(TO, this.user);
    begin(this.c);
  }
  get state(): string {
    return names[this.c?.state ?? 1]!;
  }
}
/** Ways to each state. */
const ways: Readonly<Record<string, () => Bench>> = {
  SYN_SENT() {
    const b = new Bench(false);
    b.connect();
    return b;
  },
  SYN_RECEIVED() {
    const b = ways.SYN_SENT!();
    b.get("S", 0);
    return b;
  },
  ESTABLISHED() {
    const b = new Bench(true);
    b.get("S", 0, 0, 0, { sackPermitted: true });
    b.get("A", 1, 1);
    return b;
  },
  CLOSE_WAIT() {
    const b = ways.ESTABLISHED!();
    b.get("FA", 1, 1);
    return b;
  },
  FIN_WAIT_1() {
    const b = ways.ESTABLISHED!();
    finish(b.c!);
    return b;
  },
  CLOSING() {
    const b = ways.FIN_WAIT_1!();
    b.get("FA", 1, 1);
    return b;
  },
  LAST_ACK() {
    const b = ways.CLOSE_WAIT!();
    finish(b.c!);
    return b;
  },
  FIN_WAIT_2() {
    const b = ways.FIN_WAIT_1!();
    b.get("A", 1, 2);
    return b;
  },
  TIME_WAIT() {
    const b = ways.FIN_WAIT_2!();
    b.get("FA", 1, 2);
    return b;
  },
};
const sentOf = (b: Bench) => (b.c!.nxt - b.iss) | 0;
const gotOf = (b: Bench) => (b.c!.rcvNxt - b.irs) | 0;

describe("TCP states", () => {
  for (const [state, way] of Object.entries(ways)) {
    it(`${state} is reached`, () => assertEquals(way().state, state));
    if (state === "SYN_SENT") continue;
    it(`${state}: a RST that is exactly next ends it, one that is near is asked about, one that is far is nothing`, () => {
      const b = way();
      const next = gotOf(b);
      assertEquals(b.get("R", next + 100_000), "");
      assertEquals(b.state, state);
      assertEquals(b.get("R", next + 10).split(" ")[0], "A");
      assertEquals(b.state, state);
      b.get("R", next);
      assertEquals(b.state, "CLOSED");
    });
    if (state === "SYN_RECEIVED" || state === "TIME_WAIT") continue;
    it(`${state}: a SYN is answered by an acknowledgement, and changes nothing`, () => {
      const b = way();
      assertEquals(b.get("S", gotOf(b) + 5), `A ${sentOf(b)}:${gotOf(b)}`);
      assertEquals(b.state, state);
    });
    it(`${state}: an acknowledgement of what was never sent is asked about, and its data is not taken`, () => {
      const b = way();
      assertEquals(b.get("A", gotOf(b), sentOf(b) + 10, 5), `A ${sentOf(b)}:${gotOf(b)}`);
      assertEquals(b.state, state);
    });
  }
  it("SYN_SENT: only a RST that acknowledges the SYN refuses; another acknowledgement is answered by a RST", () => {
    const b = ways.SYN_SENT!();
    b.get("R", 0, 1);
    assertEquals(b.state, "SYN_SENT");
    assertEquals(b.get("A", 0, 77), "R 77:0");
    b.get("RA", 0, 1);
    assertEquals([b.state, b.over], ["CLOSED", errno.ECONNREFUSED.message]);
  });
  it("SYNs that cross make a connection (RFC 9293, figure 8)", () => {
    const b = ways.SYN_SENT!();
    assertEquals(b.get("S", 0), "SA 0:1");
    b.get("SA", 0, 1);
    assertEquals(b.state, "ESTABLISHED");
  });
  it("FINs that cross close it (RFC 9293, figure 13)", () => {
    const b = ways.CLOSING!();
    b.get("A", 2, 2);
    assertEquals(b.state, "TIME_WAIT");
    b.pass(61_000);
    assertEquals([b.state, b.engine.size], ["CLOSED", 0]);
  });
  it("TIME_WAIT: the FIN again is acknowledged again, and the wait begins anew", () => {
    const b = ways.TIME_WAIT!();
    b.pass(40_000);
    assertEquals(b.get("FA", 1, 2), "A 2:2");
    b.pass(40_000);
    assertEquals(b.state, "TIME_WAIT");
  });
  it("TIME_WAIT: a SYN with a later number makes a new connection, an earlier one does not", () => {
    const b = ways.TIME_WAIT!();
    const was = b.iss;
    assertEquals(b.get("S", -100), "A 2:2");
    assertEquals(b.get("S", 1000), "SA 0:1001");
    assert(((b.iss - was) | 0) > 0, "its number is later, too");
  });
  it("a segment to nobody is answered by a RST, a RST never", () => {
    const b = new Bench(false);
    assertEquals(b.get("S", 0), "AR 0:1");
    assertEquals(b.get("A", 5, 9), "R 9:0");
    assertEquals(b.get("R", 5, 9), "");
    assertEquals(b.get("SF", 0, 0, 10), "AR 0:12");
  });
  it("RSTs and challenges are only so many a second", () => {
    const b = new Bench(false);
    let sent = 0;
    for (let i = 0; i < 1000; i++) sent += b.get("A", i, 9) ? 1 : 0;
    assertEquals(sent, b.engine.settings.rstLimit);
    const e = ways.ESTABLISHED!();
    sent = 0;
    for (let i = 0; i < 1000; i++) sent += e.get("S", 5) ? 1 : 0;
    assertEquals(sent, e.engine.settings.challengeLimit);
  });
  it("data out of order is kept and told; the gap filled, all is acknowledged at once", () => {
    const b = ways.ESTABLISHED!();
    assertEquals(b.get("A", 101, 1, 100), "A 1:1");
    assertEquals(b.get("A", 1, 1, 100), "A 1:201");
    assertEquals(b.c!.receiving.size, 200);
  });
  it("two full segments are acknowledged at once, one after a while", () => {
    const b = ways.ESTABLISHED!();
    assertEquals(b.get("A", 1, 1, 1000), "");
    assertEquals(b.get("A", 1001, 1, 1000), "A 1:2001");
    assertEquals(b.get("A", 2001, 1, 1000), "");
    assertEquals(b.pass(50), "A 1:3001");
  });
  it("small data waits for the acknowledgement of what is under way, unless TCP_NODELAY", () => {
    const b = ways.ESTABLISHED!();
    write(b.c!, new Uint8Array(10));
    b.out = [];
    write(b.c!, new Uint8Array(20));
    assertEquals(b.out, []);
    assertEquals(b.get("A", 1, 11), "A 11:1+20");
    b.c!.noDelay = true;
    b.out = [];
    write(b.c!, new Uint8Array(5));
    assertEquals(b.out, ["A 31:1+5"]);
  });
  it("a window of nothing is probed, ever more seldom, and a window opens it", () => {
    const b = ways.ESTABLISHED!();
    b.get("A", 1, 1, 0, { window: 0 });
    b.out = [];
    write(b.c!, new Uint8Array(10));
    assertEquals(b.out, []);
    const probes = b.pass(10_000).split(", ");
    assert(probes.length >= 3 && probes.length < 8, `${probes}`);
    assertEquals(probes[0], "A 0:1");
    assertEquals(b.get("A", 1, 1, 0, { window: 1000 }), "A 1:1+10");
  });
  it("what is not acknowledged is sent again, twice as late each time, and given up in the end", () => {
    const b = ways.ESTABLISHED!();
    write(b.c!, new Uint8Array(10));
    const times: number[] = [];
    for (let i = 0; i < 100_000 && b.state === "ESTABLISHED"; i++) if (b.pass(10)) times.push(b.now);
    const gaps = times.map((t, i) => t - (times[i - 1] ?? 0)).slice(2, 7);
    for (const [i, gap] of gaps.entries()) if (i > 0) assert(Math.abs(gap / gaps[i - 1]! - 2) < 0.2, `${gaps}`);
    assertEquals(b.over, errno.ETIMEDOUT.message);
  });
  it("PAWS: what has an old timestamp is left, and answered", () => {
    const b = new Bench(true);
    b.engine.settings.timestamps = true;
    b.get("S", 0, 0, 0, { stamp: 1000 });
    b.get("A", 1, 1, 0, { stamp: 1001 });
    assertEquals(b.get("A", 1, 1, 10, { stamp: 900 }), "A 1:1");
    assertEquals(b.get("A", 1, 1, 10), "", "without any it is left, too");
    b.get("A", 1, 1, 10, { stamp: 1002 });
    assertEquals(gotOf(b), 11);
  });
  it("data for a socket that was closed resets the connection", () => {
    const b = ways.ESTABLISHED!();
    release(b.c!);
    assertEquals(b.get("A", 1, 1, 10), "R 1:0");
    assertEquals(b.state, "CLOSED");
  });
  it("FIN_WAIT_2 of a closed socket ends after a minute, of an open one never", () => {
    const [open, closed] = [ways.FIN_WAIT_2!(), ways.FIN_WAIT_2!()];
    release(closed.c!);
    for (const b of [open, closed]) b.pass(70_000);
    assertEquals([open.state, closed.state], ["FIN_WAIT_2", "CLOSED"]);
  });
  it("aborting sends a RST", () => {
    const b = ways.ESTABLISHED!();
    b.out = [];
    abort(b.c!);
    assertEquals([b.out, b.state, b.engine.size], [["AR 1:1"], "CLOSED", 0]);
  });
  it("sequence numbers: of one pair of ends they go up by 250 a millisecond, of another nobody knows (RFC 6528)", () => {
    const secrets = (key: number) => new Secrets((into) => into.fill(key));
    const [one, other] = [secrets(1), secrets(2)];
    const first = one.iss(TO, 1000);
    assertEquals((one.iss(TO, 61_000) - first) | 0, 60_000 * 250);
    const near = Array.from({ length: 1000 }, (_, i) => one.iss({ ...TO, remotePort: 5001 + i }, 1000));
    assertEquals(new Set(near.map((n) => (n - first) >>> 16)).size > 900, true);
    assert(other.iss(TO, 1000) !== first);
  });
  const seed = Math.floor(Math.random() * 1e6);
  it(`any segments at all leave every state sound (seed ${seed})`, () => {
    const r = seeded(seed);
    const around = (n: number) => n + Math.floor((r() - 0.5) * (r() < 0.7 ? 6 : r() < 0.5 ? 3000 : 2 ** 32));
    for (let round = 0; round < 3000; round++) {
      const b = Object.values(ways)[Math.floor(r() * 9)]!();
      if (r() < 0.5) write(b.c!, new Uint8Array(r() * 5000));
      for (let i = 0; i < 30; i++) {
        const flags = [..."SAFRP"].filter((f) => r() < (f === "A" ? 0.8 : f === "P" ? 0.5 : 0.1)).join("");
        const sacks = r() < 0.3 ? Array.from({ length: 2 * Math.floor(r() * 5) }, () => around(b.c!.una)) : [];
        b.get(flags, around(gotOf(b)), around(sentOf(b)), r() < 0.5 ? 0 : Math.floor(r() * 3000), {
          window: Math.floor(r() * 65_536),
          sacks,
        });
        if (r() < 0.2) b.pass(Math.floor(r() * 3000));
        const { sent, una, nxt, state, receiving, receiveLimit } = b.c!;
        if (state >= 4 && state !== 10) assertEquals(sent.pipe + sent.lost + sent.sacked, (nxt - una) | 0);
        assert(receiving.capacity <= 2 * Math.max(receiveLimit, 65_536));
      }
    }
  });
  it("headers of any bytes are read or refused", () => {
    const r = seeded(seed);
    const sim = new Sim(seed, { delay: 1 });
    sim.b.listen(80, () => {});
    for (let i = 0; i < 20_000; i++) {
      const bytes = Uint8Array.from({ length: Math.floor(r() * 80) }, () => r() * 256);
      if (bytes.length > 20 && r() < 0.7) [bytes[12], bytes[2], bytes[3]] = [Math.floor(r() * 16) << 4, 0, 80];
      sim.b.receive({ bytes, view: new DataView(bytes.buffer), ect: false, ce: r() < 0.1 });
    }
    assert(sim.b.engine.counters.segmentsIn > 1000);
  });
});
