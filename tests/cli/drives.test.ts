/** rump_server -d: images of other formats, disks elsewhere, parts of either, as disks and as files. */
import { describe, it } from "node:test";
import { assertEquals, assertMatch } from "../assert.ts";
import { type Shell, within } from "./helpers.ts";
import { certificates, served } from "./web.ts";

const IMAGE = "truncate -s 8M d.img && mkfs.fat d.img > /dev/null && seq 9999 > seq && mcopy -i d.img seq ::";
/** A server with these drives while `work` runs. */
function lent(sh: Shell, drives: readonly string[], work: (in_: (command: string) => string) => void): void {
  sh.must(`rump_allserver ${drives.map((d) => `-d '${d}'`).join(" ")} unix://sock`);
  const env = { RUMP_SERVER: `unix://${sh.dir}/sock` };
  try {
    work((command) => sh.must(command, env));
  } finally {
    sh.run("rump.halt", env);
  }
}

describe("rump_server -d", () => {
  it("lends a qcow2 image as what is in it, and writes it", () =>
    within((sh) => {
      sh.must(`${IMAGE} && qemu-img convert -O qcow2 d.img q.img`);
      lent(sh, ["key=/dev/q,hostpath=q.img,size=host"], (in_) => {
        in_("rump.mkdir /mnt && rump.mount_msdos /dev/q /mnt && rump.cat /mnt/seq | cmp - seq");
        in_("rump.cp /mnt/seq /mnt/two && rump.umount /mnt");
      });
      sh.must("qemu-img check -q q.img && qemu-img convert -O raw q.img r.img && mtype -i r.img ::two | cmp - seq");
    }));
  it("with format=raw lends a qcow2 image's own bytes", () =>
    within((sh) => {
      sh.must(`${IMAGE} && qemu-img convert -O qcow2 d.img q.img`);
      lent(sh, ["key=/dev/q,hostpath=q.img,size=host,format=raw"], (in_) => {
        in_("rump.dd if=/dev/rq bs=64k 2> /dev/null | cmp - q.img");
      });
    }));
  it("lends images of web servers and disks of NBD servers by their URL, or a part of them", () =>
    within((sh) => {
      certificates(sh);
      sh.must(`${IMAGE} && truncate -s 1M p.img && cat d.img >> p.img`);
      served(sh, "", (http, https) => {
        const drives = [
          `key=/dev/web,hostpath=${https}/d.img#cafile=ca.pem,size=host`,
          `key=/dev/part,hostpath=${http}/p.img,offset=1m,size=8m`,
          "key=/dev/nbd,hostpath=nbd+unix:///?socket=nbd.sock,size=host",
        ];
        sh.must(
          "nbdkit -U nbd.sock -P pid file d.img; for i in $(seq 100); do [ -S nbd.sock ] && break; sleep 0.05; done",
        );
        try {
          lent(sh, drives, (in_) => {
            for (const name of ["web", "part", "nbd"]) {
              in_(`rump.mkdir /${name} && rump.mount_msdos /dev/${name} /${name} && rump.cat /${name}/seq | cmp - seq`);
            }
            assertMatch(in_("rump.mount"), /\/dev\/web on \/web type msdos \(.*read-only.*\)/);
            in_("rump.rm /nbd/seq && rump.umount /nbd");
          });
        } finally {
          sh.run("kill $(cat pid)");
        }
      });
      assertEquals(sh.must("mdir -b -i d.img"), "");
    }));
  it("type=reg lends a part of a file, or what is in an image, as a file of that size", () =>
    within((sh) => {
      sh.must(`${IMAGE} && qemu-img convert -O qcow2 d.img q.img && seq 100000 > f && cp f g`);
      const drives = [
        "key=/part,hostpath=f,offset=1k,size=2k,type=reg",
        "key=/inside,hostpath=q.img,size=host,type=reg",
      ];
      lent(sh, drives, (in_) => {
        assertEquals(in_("rump.cat /part | md5sum"), sh.must("dd if=f bs=1k skip=1 count=2 2> /dev/null | md5sum"));
        assertEquals(in_("rump.cat /inside | md5sum"), sh.must("md5sum < d.img"));
        in_("printf here | rump.dd of=/part conv=notrunc seek=1 bs=4 2> /dev/null");
      });
      assertEquals(sh.must("cmp -l f g | wc -l; dd if=f bs=1 skip=1028 count=4 2> /dev/null"), "4\nhere");
    }));
  it("what there is too little of, or cannot be had, is said in a line", () =>
    within((sh) => {
      sh.must(`${IMAGE} && qemu-img convert -O qcow2 d.img q.img`);
      const said = (drive: string) => sh.run(`rump_allserver -d '${drive}' unix://sock`).err;
      assertEquals(
        said("key=/q,hostpath=q.img,size=1g").replace(`${sh.dir}/`, ""),
        "etfs register: q.img: has 8388608 bytes, and cannot grow\n",
      );
      assertEquals(
        said("key=/q,hostpath=http://me:secret@127.0.0.1:1/x,size=host"),
        "etfs register: http://127.0.0.1:1/x: connection refused\n",
      );
      assertMatch(said("key=/q,hostpath=d.img,size=host,format=qed"), /^etfs register: \S+d.img: qed: no such format /);
    }));
});
