/** rump.nc: what goes in at one end comes out at the other. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "../assert.ts";
import { refusals } from "../../src/cmd/net/nc_pipe.ts";
import { Shell } from "./helpers.ts";

describe("rump.nc", () => {
  const sh = new Shell();
  const env = { RUMP_SERVER: `unix://${sh.dir}/sock` };
  const go = (command: string) => sh.run(command, env);
  /** Listen in the background until somebody's command has ended; what each wrote. */
  const meet = (listen: string, speak: string) =>
    sh.must(
      `${listen} > heard & sleep 0.3; for n in 1 2 3 4 5 6 7 8; do ${speak} && break; sleep 0.3; done; wait; echo "heard: $(cat heard)"`,
      env,
    );
  before(() => void sh.must("rump_server -l rumpnet_netinet6 -l rumpvfs unix://sock"));
  after(() => sh.close());

  it("carries both directions, until both have ended", () => {
    assertEquals(
      meet("echo answer | rump.nc -l 5000", "echo question | rump.nc -w 5 127.0.0.1 5000"),
      "answer\nheard: question\n",
    );
  });
  it("carries 64 MiB of anything unchanged, over IPv6, while the other end listens only", () => {
    sh.must("head -c 67108864 /dev/urandom > big");
    sh.must(
      "rump.nc -6l 5001 < /dev/null > copy & sleep 0.3; rump.nc -w 10 ::1 5001 < big; wait; cmp big copy; rm copy",
      env,
    );
  });
  it("UDP: who speaks first is whom it is for; it ends a while after the input", () => {
    assertEquals(meet("echo pong | rump.nc -lu 53", "echo ping | rump.nc -u 127.0.0.1 53"), "pong\nheard: ping\n");
  });
  it("-z tries ports, -v says who is there", () => {
    const r = go("rump.nc -w 3 -l 5002 & sleep 0.3; rump.nc -vz 127.0.0.1 5001-5002; echo $?; wait");
    assertEquals(r.out, "0\n");
    assertEquals(
      r.err,
      "rump.nc: 127.0.0.1 5001: Connection refused\nConnection to 127.0.0.1 5002 port [tcp/*] succeeded!\n",
    );
    assertEquals(go("rump.nc -z 127.0.0.1 4").status, 1);
  });
  it("-uz: a port nobody listens at is told apart, and services have names", () => {
    const r = go("rump.nc -dklu 53 & sleep 0.3; rump.nc -zu 127.0.0.1 53; rump.nc -vzu 127.0.0.1 54; echo $?; kill $!");
    assertEquals(r.out.replaceAll("X", ""), "1\n");
    assertEquals(
      r.err,
      "Connection to 127.0.0.1 53 port [udp/domain] succeeded!\nrump.nc: 127.0.0.1 54: Connection refused\n",
    );
  });
  it("-kul hears everybody", () => {
    const speak = "for i in 1 2 3; do echo $i | rump.nc -u -w 0.1 127.0.0.1 5010; done";
    assertEquals(go(`rump.nc -kul 5010 > all & sleep 0.3; ${speak}; kill $!; sort all`).out, "1\n2\n3\n");
  });
  it("-U: local sockets, by streams and by datagrams; no path is left", () => {
    assertEquals(
      meet("echo answer | rump.nc -lU /s", "echo question | rump.nc -U /s"),
      "answer\nheard: question\n",
    );
    sh.must("rump.mkdir -p /tmp", env);
    const dgram = meet("echo pong | rump.nc -luU /d", "echo ping | rump.nc -v -uU -s /mine /d 2>/dev/null");
    assertEquals(dgram, "pong\nheard: ping\n");
    assertEquals(sh.must("rump.ls / /tmp", env).match(/^(s|d|mine|nc\..*)$/gm), null);
    assertEquals(go("rump.nc -U /nowhere").err, "rump.nc: /nowhere: No such file or directory\n");
  });
  it("-i: line after line; ports one after the other", () => {
    const started = Date.now();
    assertEquals(meet("rump.nc -dl 5011", "printf 'a\\nb\\nc\\n' | rump.nc -i 0.2 127.0.0.1 5011"), "heard: a\nb\nc\n");
    assert(Date.now() - started >= 600);
  });
  it("sockets have the options that were asked for, and SO_REUSEADDR", () => {
    const options = "-D -I 70000 -O 70000 -M 3 -T af21 -r";
    const trace = go(
      `rump.nc -dl 5012 & sleep 0.3; rump.ktrace -l rump.nc -d -w 0.2 ${options} 127.0.0.1 5012; wait`,
    );
    assertEquals((trace.out + trace.err).match(/setsockopt\(.*\) = 0/g)?.length, 6, trace.out + trace.err);
    assertEquals(go("rump.nc -6 -w 0.1 -T lowdelay -M 9 ::1 4").err, "rump.nc: ::1 4: Connection refused\n");
  });
  it("-k takes one connection after the other", () => {
    const r = go(
      "rump.nc -lkd 5003 > all & sleep 0.3; for i in 1 2 3; do echo $i | rump.nc 127.0.0.1 5003; done; sleep 0.2; kill $!; cat all",
    );
    assertEquals(r.out, "1\n2\n3\n");
  });
  it("-w ends what takes too long", () => {
    assertEquals(go("rump.nc -w 0.3 -l 5004").err, "rump.nc: 5004: Operation timed out\n");
  });
  it("failures are one line, with status 1", () => {
    for (
      const [args, err] of [
        ["127.0.0.1 4", "127.0.0.1 4: Connection refused"],
        ["127.0.0.1 99999", "99999: not a port"],
        ["-n localhost 4", "localhost: unknown host"],
        ["-w x 127.0.0.1 4", "-w x: not seconds"],
        ["-T af99 127.0.0.1 4", "-T af99: not a type of service"],
        ["-M 256 127.0.0.1 4", "-M 256: not a number of 1 to 255"],
        ["-k 127.0.0.1 4", "-k is for -l"],
        ["-lz 4", "-l and -z do not go together"],
        ["-4U /s", "-U: local sockets have paths, and nothing of the Internet"],
        [`-U /${"x".repeat(200)}`, `/${"x".repeat(200)}: not a path of a socket`],
      ]
    ) assertEquals(go(`rump.nc ${args}`), { status: 1, out: "", err: `rump.nc: ${err}\n` });
    assertEquals(go("rump.nc 127.0.0.1").status, 2);
  });
  it("a server that ends ends the connection", () => {
    sh.must("rump_server -l rumpnet_netinet unix://other");
    const other = `RUMP_SERVER=unix://${sh.dir}/other`;
    const r = go(`export ${other}; rump.nc -l 5005 < /dev/null & sleep 0.3; rump.halt; wait $!; echo $?`);
    assert(r.out === "1\n" && r.err.startsWith("rump.nc: 5005: "), r.out + r.err);
  });
});

describe("telnet servers", () => {
  it("are told that nothing is agreed on", () => {
    const offered = [1, 255, 251, 3, 255, 253, 24, 255, 252, 1, 255, 254, 31, 255, 255, 7, 255, 253];
    assertEquals([...refusals(Uint8Array.from(offered))], [255, 254, 3, 255, 252, 24, 255, 254, 1, 255, 252, 31]);
  });
});
