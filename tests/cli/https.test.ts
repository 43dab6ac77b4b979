/** Images on web servers: nginx, busybox and python3 on the other side. */
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { noFuse, type Shell, within } from "./helpers.ts";
import { certificates, served } from "./web.ts";

const DISK =
  "truncate -s 40M d.img && mkfs.fat -F 32 d.img > /dev/null && seq 100000 > seq && mcopy -i d.img seq :: && mkdir -p mnt";
/** What rump_msdos says of a URL it cannot mount. */
const said = (sh: Shell, url: string) => sh.run(`rump_msdos '${url}' mnt`).err;

describe("an image on a web server", { skip: noFuse() }, () => {
  it("is mounted in the sandbox, over TLS and without, whole or a partition of it, as qcow2 and with --snapshot", () =>
    within((sh) => {
      certificates(sh);
      sh.must(`${DISK} && qemu-img convert -O qcow2 d.img q.img && truncate -s 1M p.img && cat d.img >> p.img`);
      served(sh, "", (http, https) => {
        const both = [
          `${http}/d.img`,
          `${https}/d.img#cafile=ca.pem`,
          `${http}/q.img`,
          `${https}/p.img#cafile=ca.pem%OFFSET:1m%`,
        ];
        for (const url of both) {
          sh.must(`rump_msdos --sandbox '${url}' mnt && cmp seq mnt/seq`);
          assertMatch(sh.run("touch mnt/new").err, /Read-only file system/);
          sh.must("rump_msdos -u mnt");
        }
        sh.must(`SSL_CERT_FILE=ca.pem rump_msdos --snapshot ${https}/d.img mnt && rm mnt/seq && rump_msdos -u mnt`);
        sh.must("mtype -i d.img ::seq | cmp - seq");
      });
    }));
  it("is asked for by a user, or with header lines of a file; neither ps nor df shows either", () =>
    within((sh) => {
      certificates(sh);
      sh.must(DISK);
      writeFileSync(`${sh.dir}/users`, `me:${sh.must("openssl passwd -apr1 secret")}`);
      writeFileSync(`${sh.dir}/token`, "X-Token: open sesame\n");
      const words = `location /u/ { alias ${sh.dir}/; auth_basic x; auth_basic_user_file ${sh.dir}/users; }
        location /t/ { alias ${sh.dir}/; if ($http_x_token != "open sesame") { return 403; } }`;
      served(sh, words, (http) => {
        sh.must(`rump_msdos '${http.replace("//", "//me:secret@")}/u/d.img?signed=so' mnt && cmp seq mnt/seq`);
        assertEquals(sh.must("findmnt -no SOURCE mnt"), `${http}/u/d.img\n`);
        assertEquals(
          sh.must(
            "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c 'me[:]secret\\|signed[=]so' || true",
          ),
          "0\n",
        );
        sh.must(
          `rump_msdos -u mnt && rump_msdos '${http}/t/d.img#header=token' mnt && cmp seq mnt/seq && rump_msdos -u mnt`,
        );
        assertMatch(said(sh, `${http}/u/d.img`), /: http: the server wants a user and a password \(401\)\n$/);
        assertMatch(said(sh, `${http}/t/d.img`), /: http: the server forbids it \(403\)\n$/);
      });
    }));
  it("that is not to be had is said in one line", () =>
    within((sh) => {
      certificates(sh);
      sh.must(`${DISK} && : > empty`);
      const words = `location /r { return 302 /d.img; } location /loop { return 302 /loop; }
        location /whole { max_ranges 0; alias ${sh.dir}/d.img; } location /down { return 301 http://127.0.0.1/; }`;
      served(sh, words, (http, https) => {
        sh.must(`rump_msdos '${http}/r' mnt && rump_msdos -u mnt`);
        const refused = {
          [`${http}/none`]: "http: there is no such file (404)",
          [`${http}/loop`]: "http: too many redirects",
          [`${http}/empty`]: "http: empty",
          [`${http}/whole`]: "http: the server gives no ranges: download the image first",
          [`${https}/down#cafile=ca.pem`]: "http: a redirect from https to http is not followed",
          [`${http}/d.img#colour=red`]: "http: colour: no such option (cafile, header, timeout, retries, cache)",
          [`${http.replace("http:", "https:")}/d.img`]: "http: the other side does not speak TLS",
          [`${https}/d.img`]:
            "http: the server's certificate is not signed by anybody trusted: #cafile=... behind the URL, or SSL_CERT_FILE, says who is",
          [`${https.replace("127.0.0.1", "127.0.0.2")}/d.img#cafile=ca.pem`]: "connection refused",
          "http://127.0.0.1:1/d.img": "connection refused",
        };
        for (const [url, why] of Object.entries(refused)) {
          assertEquals(said(sh, url), `rump_msdos: ${url.replace(/#.*/, "")}: ${why}\n`);
        }
      });
    }));
  it("that changes while it is mounted is EIO, and the log says so once it is read", () =>
    within((sh) => {
      certificates(sh);
      sh.must(`${DISK} && truncate -s 30M big && mcopy -i d.img big ::`);
      served(sh, "", (http) => {
        sh.must(
          `rump_msdos --log $PWD/log '${http}/d.img#retries=0' mnt && cmp seq mnt/seq && touch -d '1 hour ago' d.img`,
        );
        assertMatch(sh.run("cat mnt/big > /dev/null").err, /Input\/output error/);
        assertMatch(sh.must("cat log"), /^http: \S+\/d\.img: the image has changed on the server$/m);
        sh.must("rump_msdos -u mnt");
      });
    }));
  it("is read on when the server has been away for a moment; when it stays away, EIO", () =>
    within((sh) => {
      certificates(sh);
      sh.must(`${DISK} && seq 4000000 > big && mcopy -i d.img big ::`);
      let url = "";
      served(sh, "", (http) => {
        url = `${http}/d.img`;
        sh.must(`rump_msdos '${url}#retries=6&cache=8m' mnt && cmp seq mnt/seq`);
        sh.must(
          "kill $(cat nginx.pid); while [ -e nginx.pid ]; do sleep 0.02; done; (sleep 0.3; nginx -c $PWD/nginx.conf -e $PWD/errors) & cmp big mnt/big; wait",
        );
        sh.must(`rump_msdos -u mnt && rump_msdos --log $PWD/log '${url}#retries=1&timeout=1' mnt`);
      });
      assertMatch(sh.run("cat mnt/big > /dev/null").err, /Input\/output error/);
      sh.must("rump_msdos -u mnt");
    }));
  it("behind python3's server, which gives no ranges, is refused; behind busybox', which does, it is read", () =>
    within((sh) => {
      sh.must(DISK);
      const port = sh.must(`python3 -u -m http.server --bind 127.0.0.1 0 > said 2>&1 & echo $! > pid
        for i in $(seq 100); do grep -q port said && break; sleep 0.05; done; sed 's/.*port \\([0-9]*\\).*/\\1/;q' said`)
        .trim();
      try {
        assertMatch(
          said(sh, `http://127.0.0.1:${port}/d.img`),
          /: http: the server gives no ranges: download the image first\n$/,
        );
      } finally {
        sh.run("kill $(cat pid); while kill -0 $(cat pid) 2> /dev/null; do sleep 0.02; done");
      }
      sh.must(`busybox httpd -f -p 127.0.0.1:${port} -h $PWD > said 2>&1 & echo $! > pid`);
      try {
        assert(sh.until(`busybox wget -q -O - http://127.0.0.1:${port}/seq | cmp -s - seq`, 5));
        sh.must(`rump_msdos http://127.0.0.1:${port}/d.img mnt && cmp seq mnt/seq && rump_msdos -u mnt`);
      } finally {
        sh.run("kill $(cat pid)");
      }
    }));
});
