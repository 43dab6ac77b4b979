/** What a link may bring, damaged at random: nothing breaks, nothing grows without a limit. */
import { it } from "node:test";
import { assert } from "../assert.ts";
import { pass } from "./helpers.ts";
import { be32, checksum6, frame6, hostOnWire, icmp6, in6, PEER, udp6 } from "./helpers6.ts";
import { seeded } from "./tcp_sim.ts";

const US = "2001:db8::1";
const to = { from: "2001:db8::9", to: US };
const link = { from: "fe80::99", to: "ff02::1" };
const options = [
  1,
  1,
  ...PEER,
  3,
  4,
  64,
  0xc0,
  ...be32(3600),
  ...be32(1800),
  ...be32(0),
  ...in6("2001:db8:7::"),
  5,
  1,
  0,
  0,
  ...be32(1400),
];
const seeds: (() => Uint8Array)[] = [
  () => icmp6(to, [128, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4]),
  () => icmp6({ ...to, to: "ff02::1:ff00:1" }, [135, 0, 0, 0, 0, 0, 0, 0, ...in6(US), 1, 1, ...PEER]),
  () => icmp6(to, [136, 0, 0, 0, 0xe0, 0, 0, 0, ...in6("2001:db8::9"), 2, 1, ...PEER]),
  () => icmp6(link, [134, 0, 0, 0, 64, 8, 7, 8, ...be32(1000), ...be32(1000), ...options]),
  () =>
    icmp6({ ...link, to: US }, [137, 0, 0, 0, 0, 0, 0, 0, ...in6("fe80::98"), ...in6("2001:4860::1"), 2, 1, ...PEER]),
  () => icmp6({ ...link, hops: 1 }, [130, 0, 0, 0, 0, 9, 0, 0, ...in6("::"), 2, 125, 0, 0]),
  () =>
    icmp6(to, [
      2,
      0,
      0,
      0,
      ...be32(1300),
      ...frame6({ from: US, to: "2001:db8::9", next: 17 }, new Uint8Array(16)).slice(14),
    ]),
  () =>
    frame6(
      { ...to, next: 0 },
      Uint8Array.from([
        60,
        0,
        5,
        2,
        0,
        0,
        0,
        0,
        43,
        0,
        1,
        4,
        0,
        0,
        0,
        0,
        44,
        0,
        9,
        0,
        0,
        0,
        0,
        0,
        17,
        0,
        0,
        1,
        0,
        0,
        0,
        9,
        ...new Array(16).fill(0),
      ]),
    ),
  () => frame6({ ...to, next: 6 }, Uint8Array.from([0, 9, 0, 80, ...be32(1), ...be32(0), 0x50, 2, 9, 9, 0, 0, 0, 0])),
  () => frame6({ ...to, next: 17 }, Uint8Array.from([0, 9, 27, 88, 0, 12, 0, 0, 1, 2, 3, 4])),
];
/** A sum that is right again, so that what is behind it is looked at. */
function summed(f: Uint8Array): Uint8Array {
  const at = ({ 58: 2, 6: 16, 17: 6 } as Readonly<Record<number, number>>)[f[20]!];
  if (at === undefined || f.length < 54 + at + 2) return f;
  const text = (o: number) =>
    Array.from({ length: 8 }, (_, i) => ((f[o + 2 * i]! << 8) | f[o + 2 * i + 1]!).toString(16)).join(":");
  f[54 + at] = f[54 + at + 1] = 0;
  const sum = checksum6({ from: text(22), to: text(38), next: f[20]! }, f.slice(54));
  f[54 + at] = sum >> 8;
  f[54 + at + 1] = sum & 255;
  return f;
}

it("hostile packets of IPv6 end themselves alone", async () => {
  const seed = Number(process.env.SEED ?? (Date.now() & 0xffff));
  process.stdout.write(`ipv6 fuzz: SEED=${seed}\n`);
  const random = seeded(seed);
  const below = (n: number) => Math.floor(random() * n);
  const host = await hostOnWire(`${US}/64`);
  Object.assign(host.ip6.settings, { acceptRtadv: true, useTemporary: true });
  await udp6(host.sys, 7000);
  for (let round = 0; round < 20_000; round++) {
    let f: Uint8Array = seeds[below(seeds.length)]!();
    for (let i = below(5); i > 0; i--) f[12 + below(f.length - 12)] = [0, 1, 0xff, below(256)][below(4)]!;
    if (random() < 0.2) f = f.slice(0, 14 + below(f.length - 14));
    if (random() < 0.7) f = summed(f);
    host.inject(f);
    host.sent.length = 0;
    if (round % 500 === 0) {
      host.ip6.settings.forwarding = random() < 0.3;
      await pass([host], 2000, 1000);
    }
  }
  const { nd, routes, fragments, routers } = host.ip6;
  assert(nd.size <= 2048 && routes.size < 5000 && fragments.size <= 200, `${nd.size} ${routes.size} ${fragments.size}`);
  assert([...routers].length <= 16 && host.if6.addresses.length <= 34);
  // It still answers.
  host.ip6.settings.forwarding = false;
  await pass([host], 3000, 1000);
  host.sent.length = 0;
  host.inject(icmp6({ ...to, to: "ff02::1:ff00:1" }, [135, 0, 0, 0, 0, 0, 0, 0, ...in6(US), 1, 1, ...PEER]));
  assert(host.sent.length > 0 || host.if6.disabled || host.if6.addresses[0]!.flags !== 0);
});
