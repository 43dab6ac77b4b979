/** Linux' own TCP/IP as the peer: a network namespace of the test's, and a host of ours in it behind a TAP device. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type AsyncClient, connect } from "../../src/rump.ts";

/** Why there cannot be one here; undefined: there can. */
export function noNetns(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "needs root on Linux";
  if (!existsSync("/dev/net/tun")) return "no /dev/net/tun";
  const name = `rump-try-${process.pid}`;
  const r = spawnSync("ip", ["netns", "add", name], { encoding: "utf8" });
  if (r.status !== 0) return `ip netns add: ${r.error?.message ?? r.stderr.trim()}`;
  spawnSync("ip", ["netns", "del", name]);
  return undefined;
}
/** Why there cannot be one with a DHCP server; false: there can. */
export const noDnsmasq = (): string | false =>
  noNetns() ?? (spawnSync("dnsmasq", ["--version"]).error ? "no dnsmasq" : false);
const runtime = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
const script = fileURLToPath(new URL("tap_child.ts", import.meta.url).href);
/** Linux' end and ours. */
export const LINUX = "10.9.0.1";
export const OURS = "10.9.0.2";

let made = 0;
export class Netns {
  readonly name = `rump-${process.pid}-${made++}`;
  readonly dir = mkdtempSync(join(tmpdir(), "rump-netns-"));
  readonly #children: ChildProcess[] = [];

  constructor() {
    this.must("ip", "netns", "add", this.name);
    this.must("ip", "-n", this.name, "link", "set", "lo", "up");
  }
  must(command: string, ...args: string[]): string {
    const r = spawnSync(command, args, { encoding: "utf8", timeout: 60_000, maxBuffer: 1 << 26 });
    if (r.status !== 0) {
      throw new Error(`${command} ${args.join(" ")}: ${r.error?.message ?? ""}${r.stdout}${r.stderr}`);
    }
    return r.stdout;
  }
  /** Whether a program succeeds. */
  can(command: string, ...args: string[]): boolean {
    return spawnSync(command, args, { stdio: "ignore", timeout: 60_000 }).status === 0;
  }
  /** Run a program in it; what it prints. */
  exec(command: string, ...args: string[]): Promise<string> {
    const child = this.start(command, ...args);
    return new Promise((resolve, reject) => {
      let out = "";
      child.stdout!.on("data", (d) => (out += d));
      child.stderr!.on("data", (d) => (out += d));
      child.on("error", reject);
      child.on("close", (code) => (code === 0 ? resolve(out) : reject(new Error(`${command}: ${code}\n${out}`))));
    });
  }
  python(source: string, ...args: string[]): Promise<string> {
    return this.exec("python3", "-c", `${PRELUDE}\n${source}`, ...args);
  }
  /** Run a script beside this one; what it prints. */
  ours(name: string, ...args: string[]): Promise<string> {
    return this.exec(process.execPath, ...runtime, fileURLToPath(new URL(name, import.meta.url).href), ...args);
  }
  start(command: string, ...args: string[]): ChildProcess {
    return this.outside("ip", "netns", "exec", this.name, command, ...args);
  }
  /** Start a program outside of it that ends with it. */
  outside(command: string, ...args: string[]): ChildProcess {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#children.push(child);
    return child;
  }
  [Symbol.dispose](): void {
    this.close();
  }
  /** A host of ours, with its interface's other end set up, and a client of it. */
  async host(...options: string[]): Promise<{ readonly sys: AsyncClient["sys"]; readonly pid: number }> {
    const locator = `unix://${this.dir}/sock`;
    const child = this.start(process.execPath, ...runtime, script, locator, `${OURS}/24`, ...options);
    await said(child, "ready");
    this.must("ip", "-n", this.name, "addr", "add", `${LINUX}/24`, "dev", "tun0");
    this.must("ip", "-n", this.name, "link", "set", "tun0", "up");
    return { sys: (await connect(locator)).sys, pid: child.pid! };
  }
  close(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    spawnSync("ip", ["netns", "del", this.name]);
    rmSync(this.dir, { recursive: true, force: true });
  }
}
/** Wait until a child has printed something. */
export function said(child: ChildProcess, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let out = "";
    const add = (d: unknown) => {
      out += d;
      if (out.includes(what)) resolve();
    };
    child.stdout!.on("data", add);
    child.stderr!.on("data", add);
    child.on("close", (code) => reject(new Error(`ended with ${code}: ${out}`)));
  });
}
const PRELUDE = `
import socket, hashlib, threading, time, sys, select, struct
socket.setdefaulttimeout(20)
OURS, LINUX = "${OURS}", "${LINUX}"
def tcp(port):
    s = socket.create_connection((OURS, port), timeout=30); s.setsockopt(6, 1, 1); return s
def listen(port):
    s = socket.socket(); s.setsockopt(1, 2, 1); s.bind((LINUX, port)); s.listen(4096); print("listening", flush=True); return s
def pattern(i): return hashlib.sha256(str(i).encode()).digest() * 2048
def echoed(s, n):
    """Send n bytes that do not repeat themselves soon, and compare every one that comes back: faster than a hash, and no weaker."""
    import random
    block = random.Random(n).randbytes((1 << 24) - 3); size = len(block)
    def send():
        for at in range(0, n, size): s.sendall(block if n - at >= size else block[:n - at])
        s.shutdown(1)
    t = threading.Thread(target=send); t.start(); got = 0
    while b := s.recv(1 << 20):
        at = got % size
        if b != (block + block[:1 << 20] if at + len(b) > size else block)[at:at + len(b)]: return "not the same behind", got
        got += len(b)
    t.join(); return got == n
def receive(s):
    h = hashlib.sha256(); n = 0
    while True:
        b = s.recv(1 << 18)
        if not b: return n, h.hexdigest()
        h.update(b); n += len(b)
`;
