/** The address family AF_LINK: sockets that have nothing but ioctl(2) (NetBSD: link_proto.c). */
import { errno } from "../abi/errno.ts";
import { AF_LINK, SOCK_DGRAM } from "../abi/flags.ts";
import type { Domain, Protocol } from "./protocol.ts";

const unsupported = (): never => {
  throw errno.EOPNOTSUPP;
};
const protocol: Protocol = {
  connections: false,
  bind: unsupported,
  listen: unsupported,
  connect: unsupported,
  send: unsupported,
  room: () => 0,
  taken() {},
  finish() {},
  detach() {},
  name: () => undefined,
};
export const linkDomain: Domain = {
  family: AF_LINK,
  attach(type, number) {
    if (type !== SOCK_DGRAM) throw errno.EPROTOTYPE;
    if (number !== 0) throw errno.EPROTONOSUPPORT;
    return () => protocol;
  },
};
