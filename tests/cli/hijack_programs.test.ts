/** Programs of Debian's, unmodified, on two rump kernels that share a bus: what one serves the other fetches. */
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { assertEquals, assertMatch } from "../assert.ts";
import { has, missing, noFuse, Shell } from "./helpers.ts";

const NGINX = `daemon off; user root; pid nginx.pid; error_log stderr; events {}
http { access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server { listen 10.9.0.2:8082; root .; } }`;

/** A name server that knows one answer. */
const DNS = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.9.0.2", 53))
while True:
    q, a = s.recvfrom(512); end = q.index(b"\\0", 12) + 5
    s.sendto(q[:2] + bytes.fromhex("85800001000100000000") + q[12:end] + bytes.fromhex("c00c000100010000003c00040a090807"), a)`;
/** Static, and with a run time of its own that makes system calls itself. */
const GO = `package main
import ("fmt"; "io"; "net"; "net/http"; "os")
func main() {
	if os.Args[1] == "interfaces" {
		all, err := net.Interfaces()
		for _, i := range all { a, _ := i.Addrs(); fmt.Println(i.Name, i.MTU, a[0], err) }
		return
	}
	if os.Args[1] == "serve" { http.ListenAndServe(os.Args[2], http.FileServer(http.Dir("."))) }
	r, err := http.Get(os.Args[2])
	if err != nil { os.Exit(1) }
	io.Copy(os.Stdout, r.Body)
}`;
/** root's home is one of the test's own, where its key may come in. */
const SSHD =
  `unshare -m sh -c 'mount --bind home /root && exec rumphijack --path none dropbear -F -E -s -r key -p 10.9.0.2:2222 -P db.pid'`;
const isRoot = process.getuid?.() === 0;

describe("programs on rump kernels", { skip: noFuse() }, () => {
  let sh: Shell;
  const one = (command: string) => sh.run(`rumphijack --path none ${command}`, { RUMP_SERVER: `unix://${sh.dir}/a` });
  const sum = (command: string) => {
    const r = one(command);
    assertEquals(r.err.replaceAll(/^.*(Warning|warning).*$/gm, ""), r.err, "warnings");
    return r.out.trim();
  };
  before(() => {
    sh = new Shell();
    sh.must("head -c 5000000 /dev/urandom > data; sha256sum < data > sum");
    for (const [name, address] of [["a", "10.9.0.1"], ["b", "10.9.0.2"]] as const) {
      const env = { RUMP_SERVER: `unix://${sh.dir}/${name}` };
      sh.must(`rump_server -l rumpnet_shmif,rumpnet_netinet6,rumpfs_tmpfs unix://${name}`);
      sh.must(`rump.ifconfig shmif0 create linkstr ${sh.dir}/bus && rump.ifconfig shmif0 inet ${address}/24`, env);
    }
    // Servers of all kinds on the second kernel.
    const env = { RUMP_SERVER: `unix://${sh.dir}/b` };
    const serve = (command: string) =>
      sh.must(`rumphijack --path none ${command} > serve.log 2>&1 & echo $! >> pids`, env);
    serve("python3 -m http.server -b 10.9.0.2 8080");
    if (has("busybox")) serve("busybox httpd -f -p 10.9.0.2:8081");
    sh.must(`cat > nginx.conf <<'E'\n${NGINX}\nE`);
    if (has("nginx")) serve(`nginx -p ${sh.dir} -c nginx.conf`);
    if (has("socat")) serve("socat TCP-LISTEN:8083,bind=10.9.0.2,reuseaddr,fork OPEN:data");
    sh.must(`cat > dns.py <<'E'\n${DNS}\nE`);
    serve("python3 dns.py");
    if (has("go")) {
      sh.must(`cat > main.go <<'E'\n${GO}\nE\nCGO_ENABLED=0 HOME=$PWD go build -o fetch main.go`);
      serve("./fetch serve 10.9.0.2:8084");
    }
    if (has("dropbear") && isRoot) {
      sh.must(`(dropbearkey -t ed25519 -f key; dropbearkey -t ed25519 -f id) > /dev/null 2>&1; mkdir -p home/.ssh
        dropbearkey -y -f id | grep ^ssh- > home/.ssh/authorized_keys; chmod -R go= home`);
      sh.must(`${SSHD} > sshd.log 2>&1 & echo $! >> pids`, env);
    }
    sh.run(
      "for i in $(seq 100); do RUMP_SERVER=unix://b rump.netstat -an -f inet | grep -q 8080.*LISTEN && break; sleep 0.05; done; sleep 0.3",
    );
  });
  after(() => {
    sh.run("kill $(cat pids)");
    sh.close();
  });
  const want = () => sh.must("cat sum").trim();

  for (
    const [program, command] of [
      ["curl", "curl -s http://10.9.0.2:8080/data"],
      ["wget", "wget -q -O - http://10.9.0.2:8080/data"],
      [
        "python3",
        `python3 -c 'import sys,urllib.request; sys.stdout.buffer.write(urllib.request.urlopen("http://10.9.0.2:8080/data").read())'`,
      ],
      ["busybox", "busybox wget -q -O - http://10.9.0.2:8081/data"],
      ["nginx", "curl -s http://10.9.0.2:8082/data"],
      ["socat", "socat -u TCP:10.9.0.2:8083 -"],
      ["bash", "bash -c 'exec 3<>/dev/tcp/10.9.0.2/8083; cat <&3'"],
      [
        "node",
        `node -e 'fetch("http://10.9.0.2:8080/data").then((r) => r.arrayBuffer()).then((b) => process.stdout.write(Buffer.from(b)))'`,
      ],
      [
        "bun",
        `bun -e 'process.stdout.write(Buffer.from(await (await fetch("http://10.9.0.2:8080/data")).arrayBuffer()))'`,
      ],
    ] as const
  ) {
    it(`${program}: what comes is what was sent`, { skip: missing(program) }, () => {
      assertEquals(sum(`${command} | sha256sum`), want());
    });
  }
  it("Go, static: server and client", { skip: missing("go") }, () => {
    assertEquals(sum("./fetch get http://10.9.0.2:8084/data | sha256sum"), want());
  });
  it("Go, static: its list of interfaces", { skip: missing("go") }, () => {
    assertEquals(sum("./fetch interfaces"), "lo0 65535 127.0.0.1/8 <nil>\nshmif0 1500 10.9.0.1/24 <nil>");
  });
  it("dig asks a name server there", { skip: missing("dig") }, () => {
    assertEquals(sum("dig +short +time=5 +tries=1 host.example @10.9.0.2"), "10.9.8.7");
  });
  it("telnet talks", { skip: missing("telnet") }, () => {
    assertMatch(
      one("sh -c '(echo \"HEAD / HTTP/1.0\"; echo; sleep 1) | telnet 10.9.0.2 8080'").out,
      /HTTP\/1\.0 200 OK/,
    );
  });
  it("ssh: dropbear lets its client in, and runs what it asks for", {
    skip: missing("dropbear") || (!isRoot && "not root"),
  }, () => {
    // Dropbear itself forgets once in some fifty times, on a busy machine, that its child has ended, over Linux' loopback, too.
    const again = "for i in 1 2 3; do timeout 15 $S > out && break; done; sha256sum < out";
    const ssh = "rumphijack --path none dbclient -y -y -i id -p 2222 root@10.9.0.2 'echo in; seq 200000' < /dev/null";
    const r = sh.run(again.replace("$S", ssh), { RUMP_SERVER: `unix://${sh.dir}/a` });
    assertEquals(r.out, sh.must("(echo in; seq 200000) | sha256sum"));
  });
  it("ping meets the other kernel, and one that is not there", () => {
    assertMatch(one("ping -c 2 -i 0.2 10.9.0.2").out, /2 packets transmitted, 2 received, 0% packet loss/);
    assertMatch(one("ping -c 1 -W 1 10.9.0.7").out, /1 packets transmitted, 0 received/);
  });
  it("a port nobody listens at refuses", () => {
    const r = one("curl -s http://10.9.0.2:9/");
    assertEquals(r.status, 7, r.err);
  });
  it("ifconfig shows the kernel's interface", { skip: missing("busybox") }, () => {
    assertMatch(one("busybox ifconfig shmif0").out, /inet addr:10\.9\.0\.1 +Bcast:10\.9\.0\.255/);
  });
});
