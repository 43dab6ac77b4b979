/** The server's side of our own wire: a request is one frame, its memory inline; see frame.ts. */
import { errno, type SysError } from "../abi/errno.ts";
import type { Lwp } from "../kern/proc.ts";
import type { Reply } from "../kern/dispatch.ts";
import { type Connection, MAX_COMM, type Wire } from "./connection.ts";
import { keyName } from "./admission.ts";
import { NONCE, proofText } from "./proof.ts";
import type { Grant } from "./grants.ts";
import { KEY } from "./ssh_keys.ts";
import { BATCH, Batch, batchedCalls } from "./wire_batch.ts";
import { Controls } from "./wire_control.ts";
import { encodeFrame } from "./encode.ts";
import { RING } from "./ring.ts";
import { ServerRing } from "./ring_server.ts";
import { decodeFrame } from "./decode.ts";
import { Frames, MAX_FRAME, MAX_HELLO, VERSION } from "./frame.ts";

/** A key that is being proven. */
interface Challenge {
  readonly comm: string;
  readonly key: Uint8Array;
  readonly text: Uint8Array;
}

export class CborWire implements Wire {
  readonly name = "cbor";
  readonly #c: Connection;
  readonly #frames: Frames;
  readonly #controls: Controls;
  #challenge: Challenge | undefined;
  #parent: number | undefined;
  #ring: ServerRing | undefined;

  constructor(connection: Connection) {
    this.#c = connection;
    this.#controls = new Controls(connection);
    this.#frames = new Frames((body) => this.#frame(body), () => (connection.proc ? MAX_FRAME : MAX_HELLO));
  }
  ended(): void {
    this.#controls.close();
    this.#ring?.close();
  }
  receive(bytes: Uint8Array): boolean {
    this.#frames.push(bytes);
    this.#checkLength();
    return this.#frames.lost();
  }
  resume(): void {
    this.#frames.resume();
    this.#checkLength();
    this.#ring?.awake();
  }
  #checkLength(): void {
    if (this.#frames.tooLong > 0) this.#c.dismiss(`frame of ${this.#frames.tooLong} bytes`);
  }
  farewell(why: string, error: SysError): void {
    this.#c.send(encodeFrame([0, error.errno, why]));
  }

  /** `ring`: where it came from, and its reply goes. */
  #frame(body: Uint8Array, ring?: ServerRing): boolean {
    if (this.#c.ended) return false;
    if (!ring && this.#ring) {
      this.#ring.awake();
      if (body.length === 0) return true;
    }
    const items = decodeFrame(body);
    if (items) return this.#c.proc ? this.#call(items, body.length, ring) : this.#hello(items);
    this.#c.dismiss("malformed frame");
    return false;
  }
  /** The client asks for a ring; without one it goes on over the stream. */
  #offer(reqno: number): boolean {
    this.#ring ??= ServerRing.offer(this.#c, reqno, (body) => {
      this.#frame(body, this.#ring);
      return this.#frames.lost();
    });
    return this.#ring ? true : this.#send(reqno, [errno.EOPNOTSUPP.errno]);
  }
  /**
   * [version, program name, public key or nothing, parent or nothing, a fork's cookie or nothing]; after a challenge
   * [0, signature].
   */
  #hello([version, comm, key, parent, cookie]: unknown[]): boolean {
    const { entrance, server: { options: { policy } } } = this.#c;
    if (this.#challenge) return this.#proof(this.#challenge, comm);
    if (typeof parent === "number") this.#parent = parent;
    if (version !== VERSION) this.#c.dismiss(`wire version ${version}`);
    else if (typeof comm !== "string" || comm.length > MAX_COMM) this.#c.dismiss("bad program name");
    else if ("refused" in entrance && entrance.final) this.#c.dismiss(entrance.refused, errno.EPERM);
    else if (cookie instanceof Uint8Array) return this.#fork(comm, cookie);
    else if (policy?.keys && key instanceof Uint8Array && key.length === KEY) return this.#ask(comm, key.slice());
    else if ("refused" in entrance) this.#c.dismiss(entrance.refused, policy?.keys ? errno.ENEEDAUTH : errno.EPERM);
    else return this.#enter(comm, entrance.grant);
    return false;
  }
  #enter(comm: string, grant: Grant): boolean {
    this.#c.welcome(comm, grant, () => void this.#c.send(encodeFrame([0, 0, VERSION])), this.#parent);
    return !this.#c.ended;
  }
  /** The child of a process that said `prefork`; the cookie is all it has to show. */
  #fork(comm: string, cookie: Uint8Array): boolean {
    const child = this.#c.server.claim(cookie);
    if (!child) {
      this.#c.dismiss("unknown fork cookie", errno.ESRCH);
      return false;
    }
    if (comm !== "") child.comm = comm;
    this.#c.admit(child);
    return this.#c.send(encodeFrame([0, 0, VERSION]));
  }
  /** A challenge for a key, known or not: who asks does not learn which keys are. */
  #ask(comm: string, key: Uint8Array): boolean {
    const nonce = new Uint8Array(NONCE);
    this.#c.kernel.sys.random(nonce);
    const { channel: { binding: bound }, server: { name } } = this.#c;
    this.#challenge = { comm, key, text: proofText({ bound, name }, nonce) };
    return this.#c.send(encodeFrame([0, errno.ENEEDAUTH.errno, "prove your key", nonce, name]));
  }
  #proof({ comm, key, text }: Challenge, signature: unknown): boolean {
    const { kernel, entrance, server } = this.#c;
    const grant = server.options.policy?.keys?.get(keyName(key));
    const proven = signature instanceof Uint8Array && kernel.host.verify(key, text, signature);
    this.#challenge = undefined;
    if (grant && proven) return this.#enter(comm, grant);
    // A key that is not needed does no harm.
    if (proven && "grant" in entrance) return this.#enter(comm, entrance.grant);
    this.#c.dismiss(proven ? "this key may not use this server" : "the key is not proven", errno.EAUTH);
    return false;
  }

  #call(items: unknown[], length: number, ring?: ServerRing): boolean {
    const [reqno, nr] = items;
    this.#c.server.requests++;
    if (typeof reqno === "number" && nr === BATCH) return this.#batch(reqno, items, length, ring);
    if (typeof reqno === "number" && nr === RING && !this.#ring) return this.#offer(reqno);
    if (typeof reqno === "number" && typeof nr === "string") return this.#control(reqno, nr, items[2], ring);
    if (typeof reqno !== "number" || typeof nr !== "number") {
      this.#c.dismiss("malformed request");
      return false;
    }
    const args = items.slice(2);
    const lent = copySmall(args);
    const { server } = this.#c;
    this.#c.count();
    const { lwp } = this.#c;
    const reply = this.#c.kernel.dispatcher.call(lwp, nr, args, server.allocate);
    if (reply instanceof Promise) {
      const answer = reply.then(body);
      return this.#wait(reqno, { nr, lwp, answer, more: () => 0, ring }, lent ? Math.max(length, KEPT) : length, lent);
    }
    const go = this.#send(reqno, body(reply), ring);
    server.settle(false);
    return go;
  }
  #batch(reqno: number, items: readonly unknown[], length: number, ring?: ServerRing): boolean {
    const calls = batchedCalls(items);
    if (!calls) {
      this.#c.dismiss("malformed batch");
      return false;
    }
    const lent = calls.map(copySmall).includes(true);
    const batch = new Batch(this.#c, items[2], calls);
    const done = batch.run();
    const answer = () => [0, ...batch.replies.map(body)];
    if (done) {
      const waiting = {
        nr: batch.nr,
        lwp: batch.lwp,
        answer: done.then(answer),
        more: () => batch.bytes,
        ring,
      };
      return this.#wait(reqno, waiting, lent ? Math.max(length, KEPT) : length, lent);
    }
    const go = this.#send(reqno, answer(), ring);
    this.#c.server.settle(false);
    return go;
  }
  /** Something waits: the frame's bytes and its memory are held until its answer goes out. */
  #wait(reqno: number, { nr, lwp, answer, more, ring }: Waiting, length: number, lent: boolean): boolean {
    this.#controls.waits(reqno, lwp);
    if (lent) this.#frames.kept = true;
    const bytes = this.#c.server.settle(true) + length;
    this.#c.hold(bytes);
    const answered = answer.then((items) => {
      this.#controls.done(reqno);
      this.#send(reqno, items, ring);
    });
    this.#c.wait(nr, answered, () => bytes + more());
    if (this.#c.full) this.#c.stall();
    return !this.#c.full;
  }
  #control(reqno: number, word: string, arg: unknown, ring?: ServerRing): boolean {
    this.#controls.run(word, arg, (items) => this.#send(reqno, items, ring));
    return !this.#c.ended;
  }
  #send(reqno: number, items: readonly unknown[], ring?: ServerRing): boolean {
    return (ring ?? this.#c).send(encodeFrame([reqno, ...items]));
  }
}
/** A call or batch that waits. */
interface Waiting {
  readonly nr: number;
  readonly lwp: Lwp;
  /** What is sent then, behind the request's number. */
  readonly answer: Promise<readonly unknown[]>;
  /** Bytes held beside those known when it began to wait. */
  readonly more: () => number;
  /** Where it came from. */
  readonly ring: ServerRing | undefined;
}
const body = ({ errno: e, ret, ret2, outs }: Reply): unknown[] => (e === 0 ? [0, ret, ret2, ...outs] : [e]);

/** Memory of an argument up to here is copied; a call that waits with a longer one keeps the whole frame instead. */
const COPIED = 32 << 10;
/** What is kept with it: as much as a transport reads at once. */
const KEPT = 256 << 10;
/** The frame is lent: what a waiting call still reads must be its own. True: something long is not. */
function copySmall(args: unknown[]): boolean {
  let lent = false;
  for (let i = 0; i < args.length; i++) {
    const x = args[i];
    if (!(x instanceof Uint8Array)) continue;
    if (x.length > COPIED) lent = true;
    else args[i] = x.slice();
  }
  return lent;
}
