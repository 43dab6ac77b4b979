/**
 * Where our programs differ from the recordings of NetBSD's on purpose: the command, what was recorded, and why ours is
 * another. What stands in golden_tools.ts is the same in both, but for the comments there.
 */
export const differences: readonly (readonly [command: string, recorded: string, why: string])[] = [
  ["any program with a wrong command line", "exit 1", "2: scripts can tell a wrong command from a failed one"],
  ["any usage line", "broken by a tab", "a form a line, also a long one"],
  ["a client without a server", "rumpclient init failed", "the locator and the reason before that line"],
  ["RUMP_SERVER=tcp6://[::1]:1", "support not yet implemented", "there is IPv6 here"],
  ["rump_server -l nosuch", "last error of dlopen(3)", "components are modules: one line names it"],
  ["rump_server -d ... without rumpvfs", "exit 78", "exit 1, the number is in the text"],
  ["rump.sysctl kern.version", "(RUMP-ROAST)", "(RUMP-TS): it says whose kernel this is"],
  ["rump.sysctl -d kern.hostname", "(no description)", "every variable has a description"],
  ["rump.df /", "rumpfs 2 2 0 100% /", "the root file system has a limit, and tells what is free"],
  ["rump.df -i /", "0 files", "the files there are"],
  ["rump.df /tmp, a fresh tmpfs", "8 blocks used", "0: nothing has been written"],
  [
    "rump.mount -v",
    "fsid: 0xab01/0x1a0ab, reads: sync 1",
    "numbers of this mount; transfers are counted by disk, not by mount",
  ],
  ["rump.ls -la /", "no . and ..", "rumpfs lists them as other file systems do"],
  ["rump.ls -l /dev", "total 5, bpf", "devices have no blocks; bpf comes with the network"],
  ["rump.ls -li", "numbers of NetBSD's memory", "numbers of ours: stable for as long as the mount lasts"],
  ["rump.chown 10:20 file", "10:20: invalid group name", "numbers work"],
  ["rump.dd until full", "1021+0 records out", "the part of the last record that fits is written and counted"],
  [
    "rump.mount_msdos on an empty volume",
    "short names",
    "long names unless -s or -9 say otherwise: an image is for others, too",
  ],
  ["rump.ls of names in capitals", "subdir", "with long names they are shown as they are"],
  ["fsck.fat of a volume with a label", "5 files", "the label was counted; the image compared has none"],
];

/** Variables `rump.sysctl -a` showed (net.* apart) and ours does not: the beginning of their names, and why. */
export const variables: readonly (readonly [prefix: string, why: string])[] = [
  ["kern.aio_", "no asynchronous I/O calls"],
  ["kern.detachall", "no devices to detach"],
  ["kern.direct_select", "one way to wait"],
  ["kern.hardclock_ticks", "no clock interrupts"],
  ["kern.mbuf.", "comes with the network stack"],
  ["kern.module.auto", "components are loaded when they are named"],
  ["kern.module.verbose", "the log tells"],
  ["kern.msgbufsize", "the log is kept by lines"],
  ["kern.pipe.", "pipes have no kernel virtual memory"],
  ["kern.posix", "no semaphores, no asynchronous I/O"],
  ["kern.somaxkva", "comes with the network stack"],
  ["kern.timecounter.", "the clock is the host's"],
  ["kern.uidinfo.", "one user's share is not counted"],
  ["vm.bufcache", "the limit is bytes (vm.bufmem_hiwater), not a percentage"],
  ["vm.bufmem_lowater", "an idle cache may be empty"],
  ["vfs.ffs.", "no ffs"],
  ["vfs.generic.dirhash.", "directories are always indexed"],
  ["vfs.sync.", "one delay for everything (vfs.sync.delay)"],
  ["vfs.ufs.", "no ufs"],
  ["vfs.wapbl.", "no journal"],
  ["hw.firmware.path", "no firmware"],
  ["proc.curproc.corename", "no core dumps"],
  ["proc.curproc.rlimit.", "the limit there is, of descriptors, is getrlimit(2)'s"],
  ["proc.curproc.stop", "no debugger"],
];
/** All of them as recorded. */
export const recorded = `
kern.ostype kern.osrelease kern.osrevision kern.version kern.hostname kern.clockrate kern.domainname
kern.rawpartition kern.msgbufsize kern.mbuf.msize kern.mbuf.mclbytes kern.mbuf.nmbclusters kern.mbuf.mblowat
kern.mbuf.mcllowat kern.pipe.maxkvasz kern.pipe.maxloankvasz kern.pipe.maxbigpipes kern.pipe.nbigpipes
kern.pipe.kvasize kern.sbmax kern.urandom kern.somaxkva kern.hardclock_ticks kern.arandom kern.timecounter.choice
kern.timecounter.hardware kern.timecounter.timestepwarnings kern.direct_select kern.uidinfo.proccnt
kern.uidinfo.lwpcnt kern.uidinfo.lockcnt kern.uidinfo.sbsize kern.module.autoload kern.module.verbose
kern.module.path kern.module.autotime kern.detachall kern.posix_aio kern.aio_listio_max kern.aio_max
kern.posix.semmax kern.posix.semcnt vm.bufcache vm.bufmem vm.bufmem_lowater vm.bufmem_hiwater vfs.generic.magiclinks
vfs.generic.fstypes vfs.generic.dirhash.memused vfs.generic.dirhash.maxmem vfs.ffs.log_changeopt
vfs.ffs.extattr_autocreate vfs.sync.delay vfs.sync.filedelay vfs.sync.dirdelay vfs.sync.metadelay
vfs.wapbl.flush_disk_cache vfs.wapbl.verbose_commit vfs.ufs.dirhash.minblocks vfs.ufs.dirhash.maxmem
vfs.ufs.dirhash.memused vfs.ufs.dirhash.docheck hw.machine hw.model hw.ncpu hw.byteorder hw.physmem hw.pagesize
hw.machine_arch hw.alignbytes hw.physmem64 hw.ncpuonline hw.firmware.path user.cs_path user.bc_base_max
user.bc_dim_max user.bc_scale_max user.bc_string_max user.coll_weights_max user.expr_nest_max user.line_max
user.re_dup_max user.posix2_version user.posix2_c_bind user.posix2_c_dev user.posix2_char_term user.posix2_fort_dev
user.posix2_fort_run user.posix2_localedef user.posix2_sw_dev user.posix2_upe user.stream_max user.tzname_max
user.atexit_max proc.curproc.corename proc.curproc.rlimit.cputime.soft proc.curproc.rlimit.cputime.hard
proc.curproc.rlimit.filesize.soft proc.curproc.rlimit.filesize.hard proc.curproc.rlimit.datasize.soft
proc.curproc.rlimit.datasize.hard proc.curproc.rlimit.stacksize.soft proc.curproc.rlimit.stacksize.hard
proc.curproc.rlimit.coredumpsize.soft proc.curproc.rlimit.coredumpsize.hard proc.curproc.rlimit.memoryuse.soft
proc.curproc.rlimit.memoryuse.hard proc.curproc.rlimit.memorylocked.soft proc.curproc.rlimit.memorylocked.hard
proc.curproc.rlimit.maxproc.soft proc.curproc.rlimit.maxproc.hard proc.curproc.rlimit.descriptors.soft
proc.curproc.rlimit.descriptors.hard proc.curproc.rlimit.sbsize.soft proc.curproc.rlimit.sbsize.hard
proc.curproc.rlimit.vmemoryuse.soft proc.curproc.rlimit.vmemoryuse.hard proc.curproc.rlimit.maxlwp.soft
proc.curproc.rlimit.maxlwp.hard proc.curproc.stopfork proc.curproc.stopexec proc.curproc.stopexit
security.models.suser.name
`;
