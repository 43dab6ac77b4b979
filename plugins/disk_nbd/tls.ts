/** TLS of NBD: asked for in the clear (NBD_OPT_STARTTLS, doc/proto.md "TLS support"), with whom to believe and who we are. */
import type { Said, Security, Sys } from "../../src/plugin.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { Refused } from "./handshake.ts";
import { Answer, ANSWER_MAGIC, FIXED_NEWSTYLE, IHAVEOPT, NBDMAGIC, OPT, Option, REP_ACK } from "./layout.ts";
import type { NbdOptions } from "./options.ts";
import type { Place } from "./place.ts";

const word = (n: number) => [n >>> 24, n >>> 16 & 255, n >>> 8 & 255, n & 255];
function option(): number[] {
  const head = new Uint8Array(Option.size);
  Option.write(viewOf(head), 0, { magicHigh: IHAVEOPT[0], magicLow: IHAVEOPT[1], option: OPT.STARTTLS, length: 0 });
  return [...head];
}
function accepted(): number[] {
  const head = new Uint8Array(Answer.size);
  const [magicHigh, magicLow] = ANSWER_MAGIC;
  Answer.write(viewOf(head), 0, { magicHigh, magicLow, option: OPT.STARTTLS, type: REP_ACK, length: 0 });
  return [...head];
}
const script = (): Said[] => [
  { expect: [...[...NBDMAGIC, ...IHAVEOPT].flatMap(word), null, null] },
  { send: [...word(FIXED_NEWSTYLE), ...option()] },
  { expect: accepted() },
];
/** Throws Refused for files that cannot be read. */
export function securityOf(sys: Sys, { certificates, serverName }: Place, o: NbdOptions): Security {
  const read = (path: string, optional = false) => {
    try {
      return new TextDecoder().decode(sys.file(path));
    } catch (e) {
      if (optional) return undefined;
      throw new Refused(`${path}: ${(e as Error).message.toLowerCase()}`);
    }
  };
  const from = (given: string | undefined, name: string, optional: boolean) =>
    given !== undefined
      ? read(given)
      : certificates !== undefined
      ? read(`${certificates}/${name}`, optional)
      : undefined;
  const [ca, cert, key] = [
    from(o.cafile, "ca-cert.pem", false),
    from(o.cert, "client-cert.pem", true),
    from(o.key, "client-key.pem", true),
  ];
  return {
    plain: script(),
    oldest: "1.2",
    advice: "#cafile=... or ?tls-certificates=... says who is",
    ...ca !== undefined && { ca },
    ...cert !== undefined && { cert },
    ...key !== undefined && { key },
    ...serverName !== undefined && { serverName },
  };
}
