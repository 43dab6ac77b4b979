/** A server in memory, and streams to it. */
import { builtins } from "../../plugins/mod.ts";
import type { Channel } from "../../src/plugin.ts";
import { type ServeOptions, SpServer } from "../../src/proxy/server.ts";
import { fakeKernel } from "../kern/fake.ts";

interface End extends Channel {
  on?: (b: Uint8Array) => void;
  end: () => void;
  early: Uint8Array[];
  paused: boolean;
  other?: End;
  open: boolean;
}
/** Two ends of a stream in memory; what one sends the other receives at once. */
function pair(): readonly [Channel, Channel] {
  const make = (): End => ({
    peer: "test",
    open: true,
    early: [],
    paused: false,
    end: () => {},
    send(...parts) {
      const other = this.other!;
      for (const part of parts) {
        if (other.on && !other.paused) other.on(part.slice());
        else other.early.push(part.slice());
      }
      return true;
    },
    receive(on) {
      this.on = on;
      for (const b of this.early.splice(0)) on(b);
    },
    drained() {},
    pause(stop) {
      this.paused = stop;
      while (!this.paused && this.on && this.early.length > 0) this.on(this.early.shift()!);
    },
    close() {
      if (!this.open) return;
      this.open = false;
      this.end();
      this.other!.close();
    },
    closed(on) {
      this.end = on;
    },
  });
  const [a, b] = [make(), make()];
  a.other = b;
  b.other = a;
  return [a, b];
}
/** A kernel with rumpfs, tmpfs and sockets, and `dial`, which connects. */
export async function served(
  options: Partial<ServeOptions> = {},
  net = false,
  components: readonly string[] = ["rumpvfs", "rumpfs_tmpfs", "rumpnet_netinet"],
) {
  const { kernel, host } = await fakeKernel({ builtins, components });
  let accept: (c: Channel) => void = () => {};
  const transport = {
    kind: "transport",
    name: "test",
    parse: () => ({ path: "x" }),
    listen: (_s: unknown, _a: unknown, on: typeof accept) => ((accept = on), { close() {} }),
  } as const;
  const server = new SpServer(kernel, { version: "rump-test", ...options });
  await server.listen({ transport: transport as never, address: net ? { host: "127.0.0.1", port: 1 } : { path: "x" } });
  const dial = (uid?: number, binding?: Uint8Array, clientBinding?: Uint8Array) => {
    const [mine, theirs] = pair();
    if (binding) Object.assign(theirs, { binding });
    if (clientBinding) Object.assign(mine, { binding: clientBinding });
    if (uid !== undefined) Object.assign(theirs, { credentials: { uid, gid: uid, pid: 1 } });
    accept(theirs);
    return mine;
  };
  return { kernel, host, server, dial };
}
