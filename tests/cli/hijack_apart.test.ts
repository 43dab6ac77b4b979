/** rumphijack: ordinary users, set-id programs, and what a program sees when who serves it is gone. */
import { writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "../assert.ts";
import { isDeno, noFuse, Shell } from "./helpers.ts";

/** Does something to the process apart of this server's programs, $p. */
const toApart = (act: string) =>
  `for p in /proc/[0-9]*; do if grep -qz -e -[-]hijack-apart $p/cmdline 2>/dev/null && grep -qz RUMP_SERVER=$RUMP_SERVER $p/environ; then ${act}; fi; done`;
const KILL = `${toApart("kill -9 ${p#/proc/}")}; sleep 0.2`;
/** Is bound, and says nothing. */
const MUTE = `import socket, time
s = socket.socket(socket.AF_UNIX); s.bind("mute"); s.listen(5); time.sleep(60)`;

describe("who serves a hijacked program", { skip: noFuse() }, () => {
  let sh: Shell;
  before(() => {
    sh = new Shell();
    sh.env.RUMP_SERVER = `unix://${sh.dir}/s`;
    sh.must("chmod 755 . && rump_allserver unix://s");
  });
  after(() => sh.close());
  const run = (command: string, server = sh.env.RUMP_SERVER!) => sh.run(command, { RUMP_SERVER: server });

  const killed = `echo x > /rump/tmp/f; ${KILL}; cat /rump/tmp/f; python3 -c "import socket; socket.socket()"; echo on`;
  it("is killed: new sockets answer ENOSYS, and the program goes on with its files, which the server serves", () => {
    const { out, err } = run(`rumphijack sh -c '${killed}'`);
    assertEquals(out, "x\non\n");
    assertStringIncludes(err, "Errno 38");
  });
  it("is killed where it serves files itself: they answer ENOTCONN", () => {
    const { out, err } = run(`RUMPHIJACK_RETRYCONNECT=1 rumphijack sh -c '${killed}'`);
    assertEquals(out, "on\n");
    assertStringIncludes(err, "Transport endpoint is not connected");
  });
  it("has lost its server: files answer ENOTCONN, and the program goes on", () => {
    const server = `unix://${sh.dir}/gone`;
    sh.must(`rump_allserver ${server}`);
    const { out, err } = run("rumphijack sh -c 'rump.halt; ls /rump; echo on'", server);
    assertEquals(out, "on\n");
    assertStringIncludes(err, "Transport endpoint is not connected");
  });
  it("goes when the start is given up because the server does not answer", () => {
    sh.must(`cat > mute.py <<'END'\n${MUTE}\nEND`);
    sh.must("python3 mute.py > /dev/null 2>&1 & echo $! > mute.pid; until test -S mute; do sleep 0.1; done");
    const server = `unix://${sh.dir}/mute`;
    assertEquals(run("timeout -s KILL 1 rumphijack true", server).status, 137);
    assertEquals(sh.until(`RUMP_SERVER=${server}; (${toApart("exit 1")})`), true);
    sh.must("kill $(cat mute.pid)");
  });
  describe("is of a server on the network", () => {
    const server = `tcp://127.0.0.1:${20000 + Math.floor(Math.random() * 20000)}`;
    before(() => void sh.must(`rump_allserver ${server}; head -c 40000000 /dev/urandom > big`));
    after(() => run("rump.halt", server));

    it("files are there", () =>
      assertEquals(run("rumphijack sh -c 'echo far > /rump/tmp/f; cat /rump/tmp/f'", server).out, "far\n"));
    it("forty megabytes go through its TCP, as they were", () => {
      const line =
        "(socat -u OPEN:big TCP-LISTEN:6000,bind=127.0.0.1 &) ; socat -u TCP:127.0.0.1:6000,retry=50,interval=0.1 -";
      const sum = sh.must("sha256sum < big");
      assertEquals(run(`rumphijack --path none sh -c '${line}' | sha256sum`, server).out, sum);
    });
  });
  it("rump.sh is a shell on the rump kernel, and rump.sysctl tells of it there", () => {
    const { out } = run("SHELL=/bin/sh rump.sh -c 'cd /rump && pwd && rump.sysctl -n kern.ostype'");
    assertEquals(out, "/rump\nNetBSD\n");
  });

  describe("for an ordinary user", { skip: isDeno && "only the executable runs without this tree" }, () => {
    /** A shell line by a user without rights, who may use /dev/fuse; `first` is done by root before that. */
    const byUser = (line: string, first = "true") => {
      writeFileSync(`${sh.dir}/line.sh`, line);
      return sh.run(
        `unshare -m --propagation private sh -c 'mount --bind fuse /dev/fuse && ${first} && exec setpriv --reuid=4242 --regid=4242 \
--clear-groups env PATH=${sh.dir}/bin:$PATH RUMP_SERVER=unix://${sh.dir}/user/s sh line.sh'`,
      );
    };
    before(() => {
      sh.must(
        'mkdir bin user && cp "$(command -v rump)" bin/ && for n in rumphijack rump_allserver rump.halt; do ln -s rump bin/$n; done && ln -s /bin/sh bin/sh && chown 4242 user',
      );
      sh.must('mknod fuse c 10 229 && chmod 666 fuse && cp "$(command -v id)" bin/setid && chmod 4755 bin/setid');
      byUser(`rump_allserver unix://${sh.dir}/user/s`);
    });
    after(() => byUser("rump.halt"));

    it("files are there, and are their own", () => {
      const { out, err } = byUser("rumphijack sh -c 'echo mine > /rump/f; cat /rump/f; stat -c %u /rump/f; id -u'");
      assertEquals(out, "mine\n4242\n4242\n", err);
    });
    it("variables and tables are the kernel's", () => {
      const { out, err } = byUser(
        "rumphijack --sysctl sh -c 'cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/ostype; grep -c lo0: /proc/net/dev; echo 9 > /proc/sys/rump/net/inet/ip/ttl; cat /proc/sys/net/ipv4/ip_default_ttl'",
      );
      assertEquals(out, "64\nNetBSD\n1\n9\n", err);
    });
    it("interfaces are the kernel's, without a name space too", () =>
      assertEquals(byUser("rumphijack --path none ip -br link show dev lo0 | cut -c -3").out, "lo0\n"));
    /** As a kernel with Yama has it. */
    const yama = (scope: number) =>
      `mount -t tmpfs none /proc/sys/kernel && mkdir -m 755 /proc/sys/kernel/yama && echo ${scope} > /proc/sys/kernel/yama/ptrace_scope`;
    const ask = "python3 -c 'import os, socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); print(os.getuid())'";
    it("where Yama lets look into descendants alone, sockets are served in a user name space", () => {
      const { out, err } = byUser(`rumphijack --path none ${ask}`, yama(1));
      assertEquals(out, "4242\n", err);
    });
    for (const [scope, path] of [[1, "${PATH%%:*}"], [3, "$PATH"]] as const) {
      it(`Yama's ptrace_scope is ${scope}, and nothing helps: that is said`, () => {
        const { status, err } = byUser(
          `python=$(command -v python3); PATH=${path} rumphijack --path none $python -c 1`,
          yama(scope),
        );
        assertEquals(status, 1);
        assertStringIncludes(err, `rumphijack: no sockets of the rump kernel: kernel.yama.ptrace_scope is ${scope}`);
      });
    }
    it("the program has no rights more than before", () =>
      assertEquals(byUser("rumphijack grep -c 'Cap[IPE].*0000000000000000' /proc/self/status").out, "3\n"));
    it("a set-id program runs with the rights of who starts it", () => {
      assertEquals(byUser("setid -u; rumphijack setid -u").out, "0\n4242\n");
    });
    it("may do to files what the server lets that user do, where that is another's", () => {
      const server = `unix://${sh.dir}/granted`;
      const root = { RUMP_SERVER: server };
      sh.must(
        `rump_allserver --allow uid=4242,as=77,ro,path=/pub ${server} && chmod 777 granted && rump.mkdir /pub && echo shown > f && rump.cp host:f /pub/f && rump.cp host:f /secret && rump.chmod 600 /secret`,
        root,
      );
      const tries = [
        "echo x > f",
        "echo x >> f",
        "rm f",
        "mkdir d",
        "mv f g",
        "ln f g",
        "ln -s f g",
        "chmod 777 f",
        "touch f",
        "truncate -s 0 f",
        "cat ../secret",
      ];
      const line = tries.map((t) => `(${t}) 2>/dev/null && echo ${t}`).join(";");
      const { out, err } = byUser(
        `RUMP_SERVER=${server} rumphijack sh -c 'cd /rump; ls; cat f; ${line}; cat f'`,
      );
      assertEquals(out, "f\nshown\nshown\n", err);
      sh.must("rump.halt", root);
    });
    it("without a user name space it is said, and sockets are hijacked alone", () => {
      const { out, err } = byUser("PATH=${PATH%%:*} rumphijack /bin/echo on");
      assertEquals(out, "on\n");
      assertStringIncludes(
        err,
        "no files of the rump kernel: mounting needs root, or a user name space (unshare -U); sockets only",
      );
    });
    for (const asked of ["--path /rump", "--sysctl"]) {
      it(`${asked}: what was asked for and cannot be had is the end of it`, () =>
        assertEquals(byUser(`PATH=\${PATH%%:*} rumphijack ${asked} /bin/echo on`).status, 1));
    }
  });
});
