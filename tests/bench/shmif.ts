/** TCP between two processes over a bus file: each on a CPU of its own, and both on one; beside Linux's loopback between two. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { line, root, sh, work } from "./bench.ts";

const peer = `${root}/tests/bench/shmif_peer.ts`;
/** Two programs of the host that do the same over its loopback interface. */
const linux = `
import socket, sys, time, os
def bound(): s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(8); return s
cpus = sys.argv[1].split(","); s = bound(); at = s.getsockname()
if os.fork() == 0:
    os.sched_setaffinity(0, {int(cpus[0])}); c, _ = s.accept(); into = bytearray(256 << 10)
    while c.recv_into(into): pass
    c.send(b"x"); c, _ = s.accept(); c.setsockopt(6, 1, 1)
    while True:
        b = c.recv(64)
        if not b: os._exit(0)
        c.send(b)
os.sched_setaffinity(0, {int(cpus[-1])}); c = socket.create_connection(at); buf = bytes(256 << 10); t = time.time()
for _ in range(4096): c.sendall(buf)
c.shutdown(1); c.recv(1); print("bulk", (1 << 33) / (time.time() - t) / 1e9); c.close()
c = socket.create_connection(at); c.setsockopt(6, 1, 1); b = bytes(64); t = time.time()
for _ in range(10000): c.send(b); c.recv(64)
print("trip", (time.time() - t) * 100)
`;

function outputOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout!.on("data", (d) => (text += d));
    child.on("error", reject);
    child.on("close", () => resolve(text));
  });
}
const figures = (text: string) =>
  Object.fromEntries(text.trim().split("\n").map((l) => l.split(" ")).map(([name, n]) => [name!, Number(n)]));
function start(cpu: string, ...args: string[]) {
  const [command, ...rest] = ["taskset", "-c", cpu, process.execPath, peer, ...args];
  return spawn(command!, rest, { stdio: ["ignore", "pipe", "inherit"] });
}

async function between(cpus: readonly [string, string], kind: string): Promise<Readonly<Record<string, number>>> {
  const bus = `${work}/bus${cpus.join("")}${kind}`;
  const sink = start(cpus[0], "sink", bus);
  await new Promise((resolve) => sink.stdout.once("data", resolve));
  const got = figures(await outputOf(start(cpus[1], "source", bus)));
  sink.kill();
  return got;
}
/** Seconds until a hundred hosts on one link are up, and until all are gone. */
function hundred(): void {
  const links = (i: number) => ({ lan: `10.0.0.${i + 1}/16` });
  const hosts = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`h${i}`, { links: links(i) }]));
  writeFileSync(`${work}/hundred.json`, JSON.stringify({ hosts }));
  line("100 hosts up (goal: 10 s)", sh("rump net -b hundred.json"), "s");
  line("100 hosts down", sh("rump net hundred.json down"), "s");
}
/** Bulk and round trips, in both placements (only one of them where we were given one CPU). */
export async function shmif(): Promise<void> {
  const places = [["both on one CPU", ["1", "1"]], ["on two CPUs", ["0,1", "0,1"]]] as const;
  for (const [where, cpus] of process.env.BENCH_CPUS === "one" ? places.slice(0, 1) : places.slice(1)) {
    const beside = figures(await outputOf(spawn("python3", ["-c", linux, cpus[0] === "1" ? "1,1" : "0,1"])));
    for (const [kind, goal] of [["?v3", 2], ["?fast", 10]] as const) {
      const ours = await between(cpus, kind);
      line(`tcp bulk, shmif${kind}, ${where} (${goal})`, ours.bulk!, "Gbit/s", "Linux lo", beside.bulk, "more");
      line(`tcp 64 bytes there and back, shmif${kind}`, ours.trip!, "us", "Linux lo", beside.trip);
    }
  }
  hundred();
}
