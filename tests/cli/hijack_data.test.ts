/** rumphijack: programs as they are move data between each other over a rump kernel's network, and every byte arrives. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "../assert.ts";
import { has, noFuse, Shell } from "./helpers.ts";

/** A server of datagrams, and two ways to be its client. */
const DATAGRAMS = `import socket, threading
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(("127.0.0.1", 6001))
def serve():
    for _ in range(3):
        d, who = a.recvfrom(2000); a.sendto(d.upper(), who)
t = threading.Thread(target=serve); t.start()
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); b.settimeout(10)
b.sendto(b"one", ("127.0.0.1", 6001)); print(b.recvfrom(100))
b.connect(("127.0.0.1", 6001))
for word in b"two", b"three": b.send(word); print(b.recvfrom(100))
t.join()`;

describe("data of hijacked programs", { skip: noFuse() }, () => {
  let sh: Shell;
  let sum = "";
  before(() => {
    sh = new Shell();
    sh.env.RUMP_SERVER = `unix://${sh.dir}/s`;
    sh.must("rump_allserver unix://s");
    sh.must("head -c 8000000 /dev/urandom > big");
    sum = sh.must("sha256sum < big");
  });
  after(() => sh.close());
  const must = (command: string) => sh.must(command, { RUMP_SERVER: sh.env.RUMP_SERVER! });
  const counted = () => Number(must("rump.sysctl -n rump.sp.splices"));

  it("files of python's http.server reach curl and four of its kind at once, without calls for their data", {
    skip: !has("curl") && "no curl",
  }, () => {
    sh.start("rumphijack python3 -m http.server -b 127.0.0.1 8000");
    const one = "curl -sS --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:8000/big | sha256sum";
    const asked = `for i in 1 2 3 4; do ${one} & done; wait`;
    const calls = () => Number(must("rump.sysctl -n rump.sp.calls"));
    assertEquals(must(`rumphijack sh -c '${one}'`), sum);
    const before = calls();
    assertEquals(must(`rumphijack sh -c '${asked}'`), sum.repeat(4));
    assert(calls() - before < 1000, `${calls() - before} calls`);
  });
  it("iperf3 moves data both ways", { skip: !has("iperf3") && "no iperf3" }, () => {
    sh.start("rumphijack iperf3 -s -B 127.0.0.1");
    // With -J it says so in its output, and ends with 0, when nobody listens yet.
    const way = (more: string) =>
      must(
        `rumphijack sh -c 'for i in 1 2 3 4 5 6; do iperf3 -J -n 64M -c 127.0.0.1 ${more} > out; grep -q sum_received out && break; sleep 0.5; done'; python3 -c 'import json; print(json.load(open("out"))["end"]["sum_received"]["bytes"])'`,
      );
    for (const more of ["", "-R"]) assert(Number(way(more)) >= 60_000_000, more);
  });
  it("datagrams go to and fro, with their senders' addresses", () => {
    sh.must(`cat > datagrams.py <<'END'\n${DATAGRAMS}\nEND`);
    const from = `('127.0.0.1', 6001)`;
    assertEquals(
      must("rumphijack python3 datagrams.py"),
      ["ONE", "TWO", "THREE"].map((w) => `(b'${w}', ${from})\n`).join(""),
    );
  });
  it("nothing is left in the server when they have ended", () => {
    assert(sh.until(`[ $(RUMP_SERVER=${sh.env.RUMP_SERVER} rump.sysctl -n rump.sp.splices) = 0 ]`), `${counted()}`);
  });
});
