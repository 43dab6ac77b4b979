/** Where what the rump kernel has takes the place of what Linux shows in /proc, for hijacked programs alone. */

/** `tables`: what is in /proc/net; `variables`: the kernel's own; `linux`: by Linux' names. */
export type ViewName = "tables" | "variables" | "linux";
/** A view's place. */
export interface Place {
  /** Where it is mounted. */
  readonly at: string;
  /** Names that lead there from then on, whatever they are otherwise. */
  readonly links: Readonly<Record<string, string>>;
}
/** A directory that Linux keeps, and keeps empty (proc_tty_init): what is needed behind the scenes is there. */
export const STAGE = "/proc/tty/ldisc";
const IN_KERNEL = ["domainname", "hostname", "osrelease", "ostype", "version"];

/** The places of all. */
export const places: Readonly<Record<ViewName, Place>> = {
  // /proc/net is a link to each process' own: it is covered by another one.
  tables: { at: `${STAGE}/net`, links: { "/proc/net": "tty/ldisc/net" } },
  variables: {
    at: "/proc/sys/rump",
    links: Object.fromEntries(IN_KERNEL.map((name) => [`/proc/sys/kernel/${name}`, `../rump/kern/${name}`])),
  },
  linux: { at: "/proc/sys/net", links: {} },
};
