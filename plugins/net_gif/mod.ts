/** The interface `gif`: IPv4 and IPv6 in IPv4 or IPv6, to one other end (NetBSD: gif(4)). */
import type { NetDriver } from "../../src/plugin.ts";
import { GifDevice } from "./device.ts";

const driver: NetDriver = { kind: "net", name: "gif", create: (sys) => new GifDevice(sys) };
export default driver;
