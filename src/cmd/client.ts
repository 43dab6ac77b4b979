/** What client applets share: attaching to the server, with the built-in transports. */
import spTcp from "../../plugins/sp_tcp/mod.ts";
import spTls from "../../plugins/sp_tls/mod.ts";
import spUnix from "../../plugins/sp_unix/mod.ts";
import type { Host } from "../host/host.ts";
import { attach, attachAsync, attacherInLoop } from "../proxy/attach.ts";
import { singly, type SyncBatch } from "../proxy/batch.ts";
import type { AsyncClient, SyncClient } from "../proxy/client.ts";
import type { SyncCalls } from "../proxy/stubs.ts";
import type { ImageHow, OnImage } from "./file/on_image.ts";

export type { OnImage, SyncCalls };
/** System calls, and batches of them. */
export type Caller = Pick<SyncClient, "sys" | "batch">;

const transports = [spUnix, spTcp, spTls];
/** System calls of the server RUMP_SERVER names. Throws AttachError, whose lines are said. */
export function server(host: Host, name: string): SyncCalls {
  return caller(host, name).sys;
}
/** The same, with its batches. */
export function caller(host: Host, name: string): Caller {
  return attach(host, name, transports);
}
/** The same over given system calls: what is called in a batch is called one after the other. */
export function callerOf(sys: SyncCalls): Caller {
  return { sys, batch: singly(sys) as SyncBatch };
}
/** System calls on an image, in this process: what that needs is loaded here only. Throws Failure. */
export async function image(host: Host, name: string, path: string, how: ImageHow): Promise<OnImage> {
  const { onImage } = await import("./file/on_image.ts");
  return await onImage(host, name, path, how);
}
/** The same as `server` with calls that answer later. */
export function attached(host: Host, name: string): Promise<AsyncClient> {
  return attachAsync(host, name, transports);
}
/** What attaches so in the host's own loop, for a process that serves others there. Throws AttachError. */
export function attacher(host: Host, name: string): () => Promise<AsyncClient> {
  return attacherInLoop(host, name, transports);
}
