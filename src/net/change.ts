/** What listeners of a stack are told of, the routing socket among them. */
import type { Interface, InterfaceAddress } from "./interface.ts";
import type { In6IfAddress } from "./ip6/interface.ts";
import type { Route6 } from "./ip6/routes.ts";
import type { Route } from "./route.ts";

/** What changed. */
export type Change =
  | { readonly kind: "interface"; readonly iface: Interface; readonly gone: boolean }
  /** Flags or MTU. */
  | { readonly kind: "state"; readonly iface: Interface }
  | { readonly kind: "address"; readonly iface: Interface; readonly address: InterfaceAddress; readonly gone: boolean }
  | { readonly kind: "route"; readonly route: Route; readonly gone: boolean }
  | { readonly kind: "address6"; readonly iface: Interface; readonly address: In6IfAddress; readonly gone: boolean }
  | { readonly kind: "route6"; readonly route: Route6; readonly gone: boolean }
  /** There is no route to where a packet was to go (struct sockaddr). */
  | { readonly kind: "miss"; readonly destination: Uint8Array }
  /** A router said of a better one. */
  | { readonly kind: "redirect"; readonly route: Route };

/** An interface's address as programs see it: struct sockaddr of its family, a mask that is no longer than it has ones. */
export interface FamilyAddress {
  readonly address: Uint8Array;
  readonly mask: Uint8Array;
  /** Broadcast address or other end; empty: there is none. */
  readonly other: Uint8Array;
  /** 1: its network's route is there. */
  readonly flags: number;
}
