/** Datagrams between a socket of a rump kernel and what stands in for it, by calls of a client. */
import { errno, SysError } from "../abi/errno.ts";
import { MSGHDR } from "../abi/structs.ts";
import { encodeTag } from "../lib/hijack_tag.ts";
import { viewOf } from "../lib/struct.ts";
import { receivedHeader } from "./raw_ip.ts";
import type { Sockets, Stand } from "./stand.ts";

const MOST = 64 << 10;
const CONTROL = 1024;
const NAME = 128;
const EAGAIN = -11;
/** Files of tags that are kept: one each for those who send most. */
const TAGS = 64;
const nothing = new Uint8Array(0);

/** Unnamed files by their content; the least recently used go. */
export class Tags {
  readonly #files = new Map<string, number>();
  readonly #sockets: Pick<Sockets, "standIns">;
  constructor(sockets: Pick<Sockets, "standIns">) {
    this.#sockets = sockets;
  }
  file(content: Uint8Array): number {
    const key = String.fromCharCode(...content);
    const known = this.#files.get(key);
    const file = known ?? this.#sockets.standIns.memory(content);
    this.#files.delete(key);
    this.#files.set(key, file);
    if (this.#files.size > TAGS) this.#drop(this.#files.entries().next().value!);
    return file;
  }
  #drop([key, file]: [string, number]): void {
    this.#files.delete(key);
    this.#sockets.standIns.close(file);
  }
}

/** Move them until the program has closed its end, or the server is gone ("reset"). */
export function moveDatagrams(sockets: Sockets, tags: Tags, stand: Stand): Promise<"closed" | "reset"> {
  const { host: { loop }, standIns, client } = sockets;
  const { fd, s } = stand;
  return new Promise((resolve) => {
    let over = false;
    let drained: (() => void) | undefined;
    const end = (how: "closed" | "reset" = "closed") => {
      if (over) return;
      over = true;
      loop.remove(fd);
      loop.settled();
      resolve(how);
    };
    const put = async (bytes: Uint8Array, tag: Uint8Array): Promise<void> => {
      while (!over) {
        const n = standIns.sendTagged(fd, bytes, tags.file(tag));
        if (n !== EAGAIN) return;
        await new Promise<void>((go) => {
          drained = go;
          loop.change(fd, { read: true, write: true });
        });
      }
    };
    const failed = (e: unknown) =>
      put(nothing, encodeTag({ errno: e instanceof SysError ? e.errno : errno.EIO.errno }));
    const fromKernel = async () => {
      while (!over) {
        try {
          const { bytes, tag } = await receive(sockets, stand);
          await put(bytes, tag);
        } catch (e) {
          if (e === errno.ECONNRESET) return end("reset");
          if (over || e === errno.EBADF || e === errno.EINTR) return end();
          await failed(e);
        }
      }
    };
    loop.add(fd, { read: true, write: false }, ({ readable, writable, error }) => {
      loop.settled();
      if (writable && drained) {
        drained();
        drained = undefined;
        loop.change(fd, { read: true, write: false });
      }
      if (!readable && !error) return false;
      const { length, bytes } = standIns.receive(fd, MOST, 0);
      if (length === EAGAIN) return false;
      if (length < 0 || (length === 0 && error)) return end(), false;
      client.sys.sendto({ s, buf: bytes.slice(), flags: 0 }).catch(failed);
      return false;
    });
    void fromKernel();
  });
}
async function receive({ client }: Sockets, { s, kind }: Stand) {
  const [msg, name, iov, control] = [MSGHDR.size, NAME, MOST, CONTROL].map((n) => new Uint8Array(n));
  const d = viewOf(msg!);
  d.setUint32(MSGHDR.namelen, NAME, true);
  d.setUint32(MSGHDR.iovlen, 1, true);
  d.setUint32(MSGHDR.controllen, CONTROL, true);
  const n = await client.sys.recvmsg({ s, msg: msg!, name: name!, iov: iov!, control: control!, flags: 0 });
  const bytes = iov!.subarray(0, n as number);
  receivedHeader(kind, bytes);
  const tag = encodeTag({
    flags: d.getUint32(MSGHDR.flags, true),
    name: name!.subarray(0, d.getUint32(MSGHDR.namelen, true)),
    control: control!.subarray(0, d.getUint32(MSGHDR.controllen, true)),
  });
  return { bytes, tag };
}
