import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, it } from "node:test";
import { pattern, refused } from "../../../src/conformance/claim.ts";
import { assertEquals } from "../../assert.ts";
import { conformance } from "../../conformance/fs.ts";
import { reader } from "../helpers.ts";
import httpfs from "./mod.ts";

const text = (s: string) => new TextEncoder().encode(s);
const files: Readonly<Record<string, Uint8Array>> = {
  "/hello.txt": text("Hello, web!\n"),
  "/with space & more": text("odd"),
  "/sub/large": pattern(300_000),
  "/empty": new Uint8Array(0),
};
const page = (names: readonly string[]) =>
  `<html><a href="../">up</a> <a href="?C=M">sort</a> <a href="/abs">abs</a> <a href="http://else/">else</a> <a href="%2e%2e/">out</a>
${names.map((n) => `<a href="${encodeURIComponent(n).replace("%2F", "/")}">${n}</a>`).join("\n")}</html>`;
const listings: Readonly<Record<string, string>> = {
  "/": page(["hello.txt", "with space & more", "sub/", "empty"]),
  "/sub/": page(["large"]),
  "/dead/": page(["gone"]),
};
/** A server with ranges, and below /plain/ one without; /slow/ never answers. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = decodeURIComponent(request.url!);
  if (url.startsWith("/slow/")) return;
  const path = url.replace(/^\/plain/, "");
  const body = listings[path] === undefined ? files[path] : text(listings[path]!);
  if (!body) return void response.writeHead(404).end();
  const range = url === path ? /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") : null;
  const [from, to] = range ? [Number(range[1]), Number(range[2]) + 1] : [0, body.length];
  if (range && from >= body.length) return void response.writeHead(416).end();
  const part = body.subarray(from, to);
  response.writeHead(range ? 206 : 200, {
    "content-length": part.length,
    "last-modified": "Sun, 09 Sep 2001 01:46:40 GMT",
  });
  response.end(request.method === "HEAD" ? undefined : part);
}
const server = createServer(answer);
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
after(() => {
  server.closeAllConnections();
  server.close();
});

conformance(httpfs, { source: url });
conformance(httpfs, { title: "httpfs of a server without ranges", source: `${url}plain/` });

describe("httpfs", () => {
  it("shows what the listing names, and nothing that leads elsewhere", async () => {
    const at = await reader(httpfs, { source: url });
    assertEquals(await at.list("/"), ["empty", "hello.txt", "sub", "with space & more"]);
    assertEquals([await at.text("/hello.txt"), await at.text("/with space & more")], ["Hello, web!\n", "odd"]);
    const s = await at.p.stat("/m/sub/large");
    assertEquals([s.size, s.mtime], [300_000, 1_000_000_000]);
  });
  it("what is listed but not there is ENOENT, what does not answer in time EIO", async () => {
    const at = await reader(httpfs, { source: `${url}dead/` });
    assertEquals(await refused(at.p.stat("/m/gone")), "ENOENT");
    const slow = await reader(httpfs, { source: `${url}slow/`, options: { timeout: "0.1" } });
    assertEquals(await refused(slow.p.readdir("/m")), "EIO");
  });
});
