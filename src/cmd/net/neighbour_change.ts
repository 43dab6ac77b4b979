/** What arp(8) and ndp(8) do to neighbours by their names: delete, forget, enter. */
import { errno } from "../../abi/errno.ts";
import { Failure } from "../cli.ts";
import { type Address, addressOf, addressText } from "./host_names.ts";
import { listInterfaces } from "./if_request.ts";
import { entryOf, type Neighbour, neighboursOf, NeighbourTable, ownAddresses } from "./neighbours.ts";
import type { Tool } from "../tool.ts";

/** The address of a host, of a family; `fe80::1%shmif0` is on that interface. Throws Failure for a name nobody has. */
export function neighbourNamed(t: Tool, name: string, family: number): Address {
  const zone = (text: string) => listInterfaces(t).find((i) => i.name === text)?.index;
  const address = addressOf(t.host, name, family, zone);
  if (address === undefined) throw new Failure("unknown host");
  return address;
}
/** Delete one, on an interface or any (0). Throws Failure where there is none. */
export function removeNamed(t: Tool, address: Address, index = 0): void {
  try {
    new NeighbourTable(t).remove(address, index);
  } catch (e) {
    throw e === errno.ENOENT ? new Failure("no entry") : e;
  }
}
/** Delete those of a family that are chosen, but for our own addresses; each that went is told. */
export function removeAll(
  t: Tool,
  family: number,
  chosen: (n: Neighbour) => boolean,
  told: (a: Address) => void = () => {},
): void {
  const table = new NeighbourTable(t);
  const own = ownAddresses(t, family);
  for (const { address, index } of [...neighboursOf(t, family)].filter((n) => chosen(n) && !own(n.address))) {
    if (t.attempt(addressText(address), () => table.remove(address, index))) told(address);
  }
}
/** Enter one by the words of a command or of a file's line. Throws Failure. */
export function enterNamed(t: Tool, family: number, [name = "", ...words]: readonly string[]): Address {
  const address = neighbourNamed(t, name, family);
  const entry = entryOf(address, words);
  if (!entry) throw new Failure(`${words.join(" ")}: not a link address and temp or pub`);
  new NeighbourTable(t).set(entry);
  return address;
}
