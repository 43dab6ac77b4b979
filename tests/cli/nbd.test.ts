/** Disks of NBD servers: nbdkit and qemu-nbd on the other side. */
import { describe, it } from "node:test";
import { assertEquals, assertMatch } from "../assert.ts";
import { noFuse, type Shell, within } from "./helpers.ts";
import { certificates } from "./web.ts";

/** nbdkit with these words while `work` runs; its socket is nbd.sock, its export is named by the second path. */
function served(sh: Shell, words: string, work: () => void): void {
  sh.must(
    `rm -f nbd.sock; nbdkit -U nbd.sock -P pid ${words}; for i in $(seq 100); do [ -S nbd.sock ] && break; sleep 0.05; done`,
  );
  try {
    work();
  } finally {
    sh.run("kill $(cat pid)");
  }
}
const DISK = "truncate -s 40M d.img && mkfs.fat -F 32 d.img > /dev/null && mkdir -p mnt";

describe("nbd", { skip: noFuse() }, () => {
  for (
    const [how, words] of [
      ["plain", "file d.img"],
      [
        "in blocks of 4096 bytes",
        "--filter=blocksize-policy file d.img blocksize-minimum=4096 blocksize-error-policy=error",
      ],
      [
        "in small transfers",
        "--filter=blocksize-policy file d.img blocksize-minimum=512 blocksize-maximum=64k blocksize-error-policy=error",
      ],
      ["of an old server", "--mask-handshake=1 --no-sr file d.img"],
      ["of a server without structured replies", "--no-sr file d.img"],
    ] as const
  ) {
    it(`a disk ${how} is mounted in the sandbox, written, and found in order`, () =>
      within((sh) => {
        sh.must(DISK);
        served(sh, words, () => {
          sh.must(
            `rump_msdos --sandbox 'nbd+unix:///?socket=nbd.sock' mnt && seq 100000 > mnt/seq && rump_msdos -u mnt`,
          );
          assertEquals(
            sh.must(
              `rump_msdos -o ro "nbd+unix:///?socket=$PWD/nbd.sock" mnt && md5sum < mnt/seq && rump_msdos -u mnt`,
            ),
            sh.must("seq 100000 | md5sum"),
          );
        });
        assertEquals(
          sh.must("fsck.fat -n d.img > said && mtype -i d.img ::seq | md5sum"),
          sh.must("seq 100000 | md5sum"),
        );
      }));
  }
  it("a read-only export is mounted read-only, a qcow2 image behind it is read", () =>
    within((sh) => {
      sh.must(`${DISK} && seq 99 > seq && mcopy -i d.img seq :: && qemu-img convert -O qcow2 d.img q.img`);
      served(sh, "-r file q.img", () => {
        sh.must("rump_msdos 'nbd+unix:///?socket=nbd.sock' mnt && cmp seq mnt/seq");
        assertMatch(sh.run("touch mnt/new").err, /Read-only file system/);
        sh.must("rump_msdos -u mnt");
      });
    }));
  it("a server that is gone, or has no such export, is said in one line; a mount whose server goes answers EIO", () =>
    within((sh) => {
      sh.must(DISK);
      assertEquals(
        sh.run("rump_msdos 'nbd+unix:///?socket=nbd.sock' mnt").err,
        "rump_msdos: nbd+unix:///?socket=nbd.sock: no such file or directory\n",
      );
      assertEquals(
        sh.run("rump_msdos nbd://127.0.0.1 mnt").err,
        "rump_msdos: nbd://127.0.0.1: connection refused\n",
      );
      assertEquals(
        sh.run("rump_msdos ftp://host/x mnt").err,
        "rump_msdos: ftp://host/x: ftp: no disks of this scheme\n",
      );
      served(
        sh,
        "--filter=exportname file d.img exportname-list=explicit exportname=one exportname-strict=true",
        () => {
          const r = sh.run("rump_msdos 'nbd+unix:///two?socket=nbd.sock' mnt");
          assertEquals(r.status, 1);
          assertMatch(r.err, /^rump_msdos: nbd\+unix:\S+: nbd: .+\n$/);
          sh.must("rump_msdos 'nbd+unix:///one?socket=nbd.sock' mnt");
        },
      );
      assertMatch(sh.run("sync; ls mnt; cat mnt/none; touch mnt/x && sync mnt/x").err, /Input\/output error/);
      sh.run("umount -l mnt");
    }));
});

describe("where an NBD server's disk has data", () => {
  for (
    const [program, start] of [
      ["nbdkit", "nbdkit -U nbd.sock -P pid file d.img"],
      ["qemu-nbd", "qemu-nbd --fork --pid-file=$PWD/pid -k $PWD/nbd.sock -f raw -t -r d.img"],
    ]
  ) {
    it(`${program}: a copy of 1 TiB with little in it is sparse, and is read where that is only`, () =>
      within((sh) => {
        sh.must(
          "truncate -s 1T d.img && for at in 0 5000000 800000000; do seq 99999 | dd of=d.img bs=1k seek=$at conv=notrunc; done",
        );
        sh.must(`${start}; for i in $(seq 100); do [ -S nbd.sock ] && break; sleep 0.05; done`);
        try {
          sh.must("timeout 20 rump disk convert 'nbd+unix:///?socket=nbd.sock' out.img");
        } finally {
          sh.run("kill $(cat pid); while kill -0 $(cat pid); do sleep 0.02; done");
        }
        assertEquals(
          sh.must("stat -c %s out.img; [ $(stat -c %b out.img) -lt 40000 ] && echo sparse"),
          "1099511627776\nsparse\n",
        );
        sh.must("for at in 0 5000000 800000000; do cmp -n 588888 -i $((at * 1024)) d.img out.img; done");
      }));
  }
});

/** A directory of certificates as servers and clients want them. */
const PKI =
  `mkdir pki && cp ca.pem pki/ca-cert.pem && cp cert.pem pki/server-cert.pem && cp key.pem pki/server-key.pem &&
  cp client.pem pki/client-cert.pem && cp client.key pki/client-key.pem`;
const LOCAL = "nbds+unix:///?socket=nbd.sock";

describe("nbd over TLS", { skip: noFuse() }, () => {
  it("is mounted in the sandbox, written, and found in order; whom to believe is the URL's to say", () =>
    within((sh) => {
      certificates(sh);
      sh.must(`${DISK} && ${PKI}`);
      served(sh, "--tls=require --tls-certificates=pki file d.img", () => {
        sh.must(`rump_msdos --sandbox '${LOCAL}#cafile=ca.pem' mnt && seq 100000 > mnt/seq && rump_msdos -u mnt`);
        const refused = {
          [LOCAL.replace("nbds", "nbd")]: "nbd: the server wants TLS: nbds://",
          [LOCAL]:
            "nbd: the server's certificate is not signed by anybody trusted: #cafile=... or ?tls-certificates=... says who is",
          [`${LOCAL}&tls-certificates=pki&tls-hostname=elsewhere`]: "nbd: the server's certificate is for another name",
          [`${LOCAL}#cafile=none`]: "nbd: none: no such file or directory",
        };
        for (const [url, why] of Object.entries(refused)) {
          assertEquals(sh.run(`rump_msdos '${url}' mnt`).err, `rump_msdos: ${url.replace(/#.*/, "")}: ${why}\n`);
        }
      });
      assertEquals(sh.must("mtype -i d.img ::seq | md5sum"), sh.must("seq 100000 | md5sum"));
      served(sh, "file d.img", () => {
        assertMatch(sh.run(`rump_msdos '${LOCAL}#cafile=ca.pem' mnt`).err, /: nbd: the server offers no TLS\n$/);
      });
    }));
  it("a server that wants to know who we are is shown a certificate", () =>
    within((sh) => {
      certificates(sh);
      sh.must(`${DISK} && ${PKI} && seq 9 > seq && mcopy -i d.img seq ::`);
      served(sh, "--tls=require --tls-verify-peer --tls-certificates=pki file d.img", () => {
        assertMatch(
          sh.run(`rump_msdos '${LOCAL}#cafile=ca.pem' mnt`).err,
          /: nbd: the server hangs up: it may want to know who we are \(#cert=...&key=...\)\n$/,
        );
        sh.must(
          `rump_msdos '${LOCAL}#cafile=ca.pem&cert=client.pem&key=client.key' mnt && cmp seq mnt/seq && rump_msdos -u mnt`,
        );
        sh.must(`rump_msdos '${LOCAL}&tls-certificates=pki' mnt && cmp seq mnt/seq && rump_msdos -u mnt`);
      });
    }));
  it("of qemu-nbd, over TCP", () =>
    within((sh) => {
      certificates(sh);
      sh.must(`${DISK} && ${PKI} && seq 99999 > seq && mcopy -i d.img seq ::`);
      const port = sh.must(
        `python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'`,
      ).trim();
      sh.must(
        `qemu-nbd --fork --pid-file=$PWD/pid --object tls-creds-x509,id=t,dir=$PWD/pki,endpoint=server,verify-peer=no \
        --tls-creds t -f raw -b 127.0.0.1 -p ${port} -t d.img`,
      );
      try {
        sh.must(
          `rump_msdos 'nbds://localhost:${port}/#cafile=ca.pem' mnt && cmp seq mnt/seq && rm mnt/seq && rump_msdos -u mnt`,
        );
      } finally {
        sh.run("kill $(cat pid); while kill -0 $(cat pid); do sleep 0.02; done");
      }
      assertEquals(sh.must("mdir -b -i d.img"), "");
    }));
});

describe("nbd with reconnect=", { skip: noFuse() }, () => {
  it("a server that is killed and comes back loses nothing that it had not yet written", () =>
    within((sh) => {
      sh.must(DISK);
      const start = "rm -f nbd.sock; nbdkit -U nbd.sock -P pid --filter=cache file d.img cache=writeback";
      sh.must(`${start}; for i in $(seq 100); do [ -S nbd.sock ] && break; sleep 0.05; done`);
      try {
        sh.must(`rump_msdos 'nbd+unix:///?socket=nbd.sock#reconnect=20' mnt && seq 200000 > mnt/one`);
        sh.must(
          `kill -9 $(cat pid); (sleep 0.3; ${start}) & seq 300000 > mnt/two && sync mnt/two; wait; rump_msdos -u mnt`,
        );
      } finally {
        sh.run("kill $(cat pid); while kill -0 $(cat pid); do sleep 0.02; done");
      }
      sh.must(
        "seq 200000 > one; seq 300000 > two; mtype -i d.img ::one | cmp - one; mtype -i d.img ::two | cmp - two; fsck.fat -n d.img",
      );
    }));
  it("and one that stays away: EIO, and a line in the log", () =>
    within((sh) => {
      sh.must(DISK);
      served(sh, "file d.img", () => {
        sh.must(`rump_msdos --log $PWD/log 'nbd+unix:///?socket=nbd.sock#reconnect=1' mnt`);
      });
      assertMatch(sh.run("mkdir mnt/d && sync mnt/d; ls mnt/none").err, /Input\/output error/);
      assertMatch(sh.must("cat log"), /^nbd: nbd\+unix:\S+: the server is gone, and did not come back within 1 s$/m);
      sh.run("rump_msdos --unmount --lazy mnt");
    }));
});
