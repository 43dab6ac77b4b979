/**
 * The applet table: every name this executable answers to. A row is all there is to add for a new one. Beside this file is
 * what all programs share; the programs are in rooms: file, mount, disk, server, net, hijack, plugin.
 */
import type { Host } from "../host/host.ts";
import { fsTypes, namesOf } from "./mount/fs_names.ts";

/** An applet's main: `argv[0]` is the name it was called by, for messages. The result is the exit status. */
export type Run = (host: Host, argv: readonly string[]) => number | Promise<number>;
export interface Applet {
  /** One line for `rump --list`. */
  readonly summary: string;
  readonly load: () => Promise<{ readonly run: Run }>;
}

/** Every built-in file system: a program that mounts it on the host, one in a rump kernel, and mount(8)'s helpers. */
const fileSystems = Object.fromEntries(fsTypes.flatMap((type): [string, Applet][] => [
  [`rump_${type}`, { summary: `mount ${type} by a process of its own`, load: () => import("./mount/fs_program.ts") }],
  [`rump.mount_${type}`, { summary: `mount ${type} in a rump kernel`, load: () => import("./mount/mount_fs.ts") }],
  [`mount.rump_${type}`, {
    summary: `what mount(8) runs for -t rump_${type}`,
    load: () => import("./mount/mount_helper.ts"),
  }],
  ...namesOf(type).map((name): [string, Applet] => [
    `mount.${name}`,
    { summary: `what mount(8) runs for -t ${name} -o rump`, load: () => import("./mount/mount_helper.ts") },
  ]),
]));

export const applets: Readonly<Record<string, Applet>> = {
  rump_server: { summary: "run a rump kernel, with the components named", load: () => import("./server/server.ts") },
  rump_allserver: {
    summary: "run a rump kernel with every built-in component",
    load: () => import("./server/server.ts"),
  },
  "rump.halt": { summary: "halt a rump kernel", load: () => import("./server/halt.ts") },
  "rump.sysctl": { summary: "get or set kernel state", load: () => import("./server/sysctl.ts") },
  ...fileSystems,
  rump_msdos: { summary: "mount an MS-DOS image by a process of its own", load: () => import("./mount/msdos.ts") },
  mount_msdos: { summary: "the same as rump_msdos", load: () => import("./mount/msdos.ts") },
  "rump.fsck": { summary: "check a file system, and mend it", load: () => import("./disk/fsck.ts") },
  "rump.fsck_msdos": { summary: "check an MS-DOS file system, and mend it", load: () => import("./disk/fsck.ts") },
  fsck_msdos: { summary: "the same as rump.fsck_msdos", load: () => import("./disk/fsck.ts") },
  "rump.fsck_exfat": { summary: "check an exFAT file system, and mend it", load: () => import("./disk/fsck.ts") },
  fsck_exfat: { summary: "the same as rump.fsck_exfat", load: () => import("./disk/fsck.ts") },
  "rump.mount": {
    summary: "mount file systems in a rump kernel, or list mounts",
    load: () => import("./mount/mount.ts"),
  },
  "rump.umount": { summary: "unmount file systems of a rump kernel", load: () => import("./mount/umount.ts") },
  "rump.ls": { summary: "list files", load: () => import("./file/ls.ts") },
  "rump.cat": { summary: "print files", load: () => import("./file/cat.ts") },
  "rump.cp": {
    summary: "copy files, also between host and rump kernel (host:path)",
    load: () => import("./file/cp.ts"),
  },
  "rump.mkdir": { summary: "make directories", load: () => import("./file/mkdir.ts") },
  "rump.rm": { summary: "remove files and directories", load: () => import("./file/rm.ts") },
  "rump.rmdir": { summary: "remove empty directories", load: () => import("./file/rmdir.ts") },
  "rump.mv": { summary: "move files", load: () => import("./file/mv.ts") },
  "rump.ln": { summary: "make links", load: () => import("./file/ln.ts") },
  "rump.chmod": { summary: "change mode bits", load: () => import("./file/chmod.ts") },
  "rump.chown": { summary: "change owner and group", load: () => import("./file/chown.ts") },
  "rump.mknod": { summary: "make device nodes", load: () => import("./file/mknod.ts") },
  "rump.df": { summary: "show free space", load: () => import("./mount/df.ts") },
  "rump.env": { summary: "shell commands that make a server the one to use", load: () => import("./env.ts") },
  "rump.ps": { summary: "list the processes of a rump kernel", load: () => import("./server/ps.ts") },
  "rump.fstat": { summary: "list open descriptors of a rump kernel", load: () => import("./server/fstat.ts") },
  "rump.top": { summary: "show the clients of a rump kernel, live", load: () => import("./server/top.ts") },
  "rump.ktrace": { summary: "trace system calls of clients", load: () => import("./server/ktrace.ts") },
  "rump.ifconfig": { summary: "show and configure network interfaces", load: () => import("./net/ifconfig.ts") },
  "rump.brconfig": { summary: "show and change bridges", load: () => import("./net/brconfig.ts") },
  "rump.netstat": { summary: "show sockets, routes, interfaces and counters", load: () => import("./net/netstat.ts") },
  "rump.sockstat": { summary: "list open sockets and who holds them", load: () => import("./net/sockstat.ts") },
  "rump.dhcpclient": { summary: "get an interface's address by DHCP", load: () => import("./net/dhcpclient.ts") },
  "rump.nc": { summary: "a TCP or UDP pipe through a rump kernel", load: () => import("./net/nc.ts") },
  "rump.route": { summary: "show and change routes", load: () => import("./net/route.ts") },
  "rump.arp": { summary: "show and change link addresses of IPv4 neighbours", load: () => import("./net/arp.ts") },
  "rump.ndp": {
    summary: "show and change IPv6 neighbours, routers and prefixes",
    load: () => import("./net/ndp.ts"),
  },
  "rump.pcap": { summary: "capture packets of interfaces", load: () => import("./net/pcap.ts") },
  "rump.ping": { summary: "echo requests to a host", load: () => import("./net/ping.ts") },
  "rump.ping6": { summary: "ICMPv6 echo requests to a host", load: () => import("./net/ping6.ts") },
  "rump.traceroute6": { summary: "the way IPv6 packets take to a host", load: () => import("./net/traceroute6.ts") },
  "rump.traceroute": { summary: "the way packets take to a host", load: () => import("./net/traceroute.ts") },
  "rump.kdump": { summary: "show a trace of system calls", load: () => import("./server/kdump.ts") },
  "rump.plugin": { summary: "start a plugin of your own, and check it", load: () => import("./plugin/plugin.ts") },
  "rump.disk": {
    summary: "make, show, convert and compare disk images and their partitions",
    load: () => import("./disk/disk.ts"),
  },
  newfs_msdos: { summary: "make an MS-DOS file system in an image or device", load: () => import("./disk/newfs.ts") },
  "rump.newfs_msdos": { summary: "the same as newfs_msdos", load: () => import("./disk/newfs.ts") },
  "rump.net": { summary: "bring up a network of rump kernels a file describes", load: () => import("./net/net.ts") },
  shmif_dumpbus: {
    summary: "list the frames on a bus of shmif interfaces, or capture them",
    load: () => import("./net/shmif_dumpbus.ts"),
  },
  rumphijack: {
    summary: "run a program whose files and sockets are a rump kernel's",
    load: () => import("./hijack/hijack.ts"),
  },
  "rump.sh": {
    summary: "a shell whose files and sockets are a rump kernel's",
    load: () => import("./hijack/hijack.ts"),
  },
  "rump.dd": { summary: "copy and convert a file", load: () => import("./file/dd.ts") },
};

/** The applet of a name as typed: `rump.sysctl`, or short `sysctl`. */
export function findApplet(name: string): readonly [string, Applet] | undefined {
  const full = [name, `rump.${name}`, `rump_${name}`].find((n) => Object.hasOwn(applets, n));
  return full === undefined ? undefined : [full, applets[full]!];
}
