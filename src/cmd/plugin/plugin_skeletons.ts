/** The plugins `rump plugin new` begins with, one of each kind: each works, and passes its suite. */

interface Skeleton {
  readonly mod: (name: string) => string;
  /** Behind the file's name for `rump plugin check`, as source text of further arguments. */
  readonly check: (name: string) => string;
}
const none = () => "";

const fs = (name: string) =>
  `import type { FsDriver } from "rump/plugin";

type Node = Map<string, Node> | Uint8Array;
const text = (s: string): Node => new TextEncoder().encode(s);
const ino = new WeakMap<object, number>();
let next = 1;

export default {
  kind: "fs",
  name: "${name}",
  mount(sys) {
    const root: Node = new Map([["hello", text("Hello, world!\\n")]]);
    return {
      root,
      lookup: (dir, name) => (dir instanceof Map ? dir.get(name) : undefined),
      readdir: (dir) => (dir instanceof Map ? dir : []),
      getattr(node) {
        if (!ino.has(node)) ino.set(node, next++);
        const dir = node instanceof Map;
        return { ino: ino.get(node)!, type: dir ? "dir" : "file", size: dir ? 0 : node.length };
      },
      read(node, into, offset) {
        if (node instanceof Map) throw sys.errno.EISDIR;
        const part = node.subarray(offset, offset + into.length);
        into.set(part);
        return part.length;
      },
    };
  },
} satisfies FsDriver<unknown, Node>;
`;

const disk = (name: string) =>
  `import type { DiskDriver } from "rump/plugin";

const SIZE = 1 << 20;

export default {
  kind: "disk",
  name: "${name}",
  open(sys) {
    const bytes = new Uint8Array(SIZE);
    const inside = (offset: number, length: number) => {
      if (offset < 0 || offset + length > SIZE) throw sys.errno.EIO;
    };
    return {
      name: "${name}",
      blockSize: 512,
      size: SIZE,
      read(into, offset) {
        inside(offset, into.length);
        into.set(bytes.subarray(offset, offset + into.length));
      },
      write(from, offset) {
        inside(offset, from.length);
        bytes.set(from, offset);
      },
    };
  },
} satisfies DiskDriver;
`;

const net = (name: string) =>
  `import type { Input, NetDriver } from "rump/plugin";

/** What is sent on one interface comes in on all others that are up. */
const wire = new Set<Input>();

export default {
  kind: "net",
  name: "${name}",
  create(sys) {
    const mac = new Uint8Array(6);
    sys.random(mac);
    mac[0] = 0xb2; // of our own making, and no group's
    let mine: Input | undefined;
    return {
      medium: "ethernet",
      mtu: 1500,
      mac,
      up(input) {
        wire.add((mine = input));
      },
      output(frame) {
        for (const input of wire) if (input !== mine) input(frame);
      },
      down() {
        if (mine) wire.delete(mine);
        mine = undefined;
      },
    };
  },
} satisfies NetDriver;
`;

const transport = (name: string) =>
  `import type { Transport } from "rump/plugin";

/** ${name}://word is a socket in /tmp. */
export default {
  kind: "transport",
  name: "${name}",
  parse(rest) {
    if (!/^[a-z0-9]+$/.test(rest)) throw new Error("${name}: a word is wanted");
    return { path: \`/tmp/${name}-\${rest}\` };
  },
} satisfies Transport;
`;

export const skeletons: Readonly<Record<string, Skeleton>> = {
  fs: { mod: fs, check: none },
  disk: { mod: disk, check: none },
  net: { mod: net, check: none },
  transport: { mod: transport, check: () => `, \`test\${process.pid}\`` },
};
