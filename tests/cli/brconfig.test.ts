/** rump.brconfig against a server with a bridge and two interfaces. */
import { after, before, describe, it } from "node:test";
import { SIOC } from "../../src/abi/sockio.ts";
import { connect } from "../../src/rump.ts";
import { assertEquals } from "../assert.ts";
import { ifreq } from "../net/control.ts";
import { Shell } from "./helpers.ts";

describe("rump.brconfig", () => {
  const sh = new Shell();
  const env = { RUMP_SERVER: `unix://${sh.dir}/sock` };
  const run = (args: string) => sh.run(`rump.brconfig ${args}`, env);
  before(async () => {
    sh.must(`rump_server -lrumpnet_bridge -lrumpnet_shmif ${env.RUMP_SERVER}`);
    const client = await connect(env.RUMP_SERVER);
    const fd = await client.sys.socket({ domain: 2, type: 2, protocol: 0 });
    for (const name of ["bridge0", "shmif0", "shmif1"]) {
      await client.sys.ioctl({ fd, com: SIOC.SIOCIFCREATE, data: ifreq(name) });
    }
    client.close();
  });
  after(() => {
    sh.run("rump.halt", env);
    sh.close();
  });

  it("a bridge that was set up is shown as NetBSD's shows it", () => {
    sh.must(
      "rump.brconfig bridge0 add shmif0 add shmif1 -learn shmif1 maxaddr 50 timeout 60 static shmif0 2:0:0:0:0:9 up",
      env,
    );
    assertEquals(run("bridge0"), {
      status: 0,
      err: "",
      out: `bridge0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST>
\tConfiguration:
\t\tpriority 32768 hellotime 2 fwddelay 15 maxage 20
\tInterfaces:
\t\tshmif0 flags=3<LEARNING,DISCOVER>
\t\t\tport 1 priority 128
\t\tshmif1 flags=2<DISCOVER>
\t\t\tport 2 priority 128
\tAddress cache (max cache: 50, timeout: 60):
\t\t02:00:00:00:00:09 shmif0 0 flags=1<STATIC>
`,
    });
    assertEquals(run("-a").out, run("bridge0").out);
    assertEquals(run("bridge0 addr").out, "02:00:00:00:00:09 shmif0 0 flags=1<STATIC>\n");
  });
  it("members and addresses are taken away again", () => {
    sh.must("rump.brconfig bridge0 deladdr 02:00:00:00:00:09 delete shmif0 delete shmif1 down", env);
    assertEquals(run("bridge0").out.includes("shmif"), false);
  });
  for (
    const [args, status, err] of [
      ["bridge0 add shmif7", 1, "rump.brconfig: bridge0 add shmif7: Device not configured\n"],
      ["bridge0 delete shmif0", 1, "rump.brconfig: bridge0 delete shmif0: No such file or directory\n"],
      ["bridge0 static shmif0 1:2", 1, "rump.brconfig: bridge0 static shmif0 1:2: 1:2: not a link address\n"],
      ["bridge0 timeout soon", 1, "rump.brconfig: bridge0 timeout soon: soon: not a number\n"],
      ["bridge0 maxage 300", 1, "rump.brconfig: bridge0 maxage 300: 300: not from 1 to 255\n"],
      ...["maxage 5", "fwddelay 5", "hellotime 5", "priority 5", "ifpriority shmif0 5", "ifpathcost shmif0 5", "ipf"]
        .map((w) => [`bridge0 ${w}`, 1, `rump.brconfig: bridge0 ${w}: Operation not supported\n`] as const),
      ["bridge9", 1, "rump.brconfig: bridge9: Device not configured\n"],
    ] as const
  ) {
    it(`fails: ${args}`, () => {
      const r = run(args);
      assertEquals([r.status, r.err], [status, err]);
    });
  }
  for (const args of ["", "bridge0 add", "bridge0 frobnicate", "-a bridge0"]) {
    it(`is used wrongly: ${args || "nothing"}`, () => assertEquals(run(args).status, 2));
  }
});
