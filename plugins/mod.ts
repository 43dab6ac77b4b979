/** Built-in components by NetBSD's names: a row is all a new one needs. Loaded when first named. */
import type { Builtins } from "../src/kern/plugins.ts";

export const builtins: Builtins = {
  // rumpvfs brings its root file system; a faction is no plugin of plugins/, but registers like one.
  rumpvfs: { requires: ["rumpfs_rumpfs"], load: () => import("../src/vfs/component.ts") },
  rumpnet: { load: () => import("../src/net/component.ts") },
  rumpnet_lo: { load: () => import("./net_lo/mod.ts") },
  rumpnet_shmif: { requires: ["rumpnet_netinet"], load: () => import("./net_shmif/mod.ts") },
  rumpnet_lossy: { requires: ["rumpnet_shmif"], load: () => import("./net_lossy/mod.ts") },
  rumpnet_pcap: { requires: ["rumpnet_shmif"], load: () => import("./net_pcap/mod.ts") },
  rumpnet_virtif: { requires: ["rumpnet_netinet"], load: () => import("./net_virt/mod.ts") },
  rumpnet_bridge: { requires: ["rumpnet_net"], load: () => import("./net_bridge/mod.ts") },
  rumpnet_gif: { requires: ["rumpnet_netinet"], load: () => import("./net_gif/mod.ts") },
  rumpnet_vlan: { requires: ["rumpnet_net"], load: () => import("./net_vlan/mod.ts") },
  rumpnet_vxlan: { requires: ["rumpnet_netinet"], load: () => import("./net_vxlan/mod.ts") },
  rumpnet_net: { requires: ["rumpnet", "rumpnet_lo"], load: () => import("../src/net/interfaces.ts") },
  rumpnet_netinet: { requires: ["rumpnet_net"], load: () => import("../src/net/netinet.ts") },
  rumpnet_netinet6: { requires: ["rumpnet_netinet"], load: () => import("../src/net/netinet6.ts") },
  rumpdev_bpf: { requires: ["rumpvfs", "rumpnet_net"], load: () => import("../src/net/bpf/component.ts") },
  rumpfs_rumpfs: { load: () => import("./fs_tmpfs/rumpfs.ts") },
  rumpfs_tmpfs: { requires: ["rumpvfs"], load: () => import("./fs_tmpfs/mod.ts") },
  rumpfs_ext2fs: {
    requires: ["rumpvfs"],
    also: ["ext2", "ext3", "ext4"],
    magic: [[1080, "53ef"]],
    load: () => import("./fs_ext2fs/mod.ts"),
  },
  rumpfs_squashfs: { requires: ["rumpvfs"], magic: [[0, "68737173"]], load: () => import("./fs_squashfs/mod.ts") },
  rumpfs_exfat: { requires: ["rumpvfs"], magic: [[3, "4558464154202020"]], load: () => import("./fs_exfat/mod.ts") },
  rumpfs_kernfs: { requires: ["rumpvfs"], load: () => import("./fs_kernfs/mod.ts") },
  rumpfs_procfs: { requires: ["rumpvfs"], load: () => import("./fs_procfs/mod.ts") },
  rumpfs_null: { requires: ["rumpvfs"], load: () => import("./fs_null/mod.ts") },
  rumpfs_union: { requires: ["rumpvfs"], load: () => import("./fs_union/mod.ts") },
  rumpfs_cd9660: {
    requires: ["rumpvfs"],
    also: ["iso9660"],
    magic: [[32769, "4344303031"]],
    load: () => import("./fs_cd9660/mod.ts"),
  },
  // Behind the others: what it has they may have, too.
  rumpfs_msdos: { requires: ["rumpvfs"], magic: [[510, "55aa"]], load: () => import("./fs_msdos/mod.ts") },
  rumpdev_nbd: { schemes: ["nbd", "nbd+unix", "nbds", "nbds+unix"], load: () => import("./disk_nbd/mod.ts") },
  rumpdev_http: { schemes: ["http", "https"], load: () => import("./disk_http/mod.ts") },
  rumpdev_qcow2: { magic: [[0, "514649fb"]], load: () => import("./disk_qcow2/mod.ts") },
  rumpdev_vhd: {
    magic: [[0, "636f6e6563746978"], [-512, "636f6e6563746978"]],
    load: () => import("./disk_vhd/mod.ts"),
  },
  rumpdev_vmdk: { magic: [[0, "4b444d56"]], load: () => import("./disk_vmdk/mod.ts") },
  sp_unix: { load: () => import("./sp_unix/mod.ts") },
  sp_tls: { load: () => import("./sp_tls/mod.ts") },
  sp_tcp: { load: () => import("./sp_tcp/mod.ts") },
};
