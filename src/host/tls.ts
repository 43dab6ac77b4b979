/** TLS 1.3 by the runtime's node:tls, in its event loop. What is believed, and what that means for the stream's binding, is here. */
import type { Socket } from "node:net";
import { isAddress } from "../lib/address.ts";
import type { Channel, Listener, Said, Security, SocketAddress, TlsSockets } from "../plugin.ts";
import process from "node:process";
import { connectError, hostErrno } from "./errors.ts";
import { late } from "./late.ts";
import { readWhole } from "./stat.ts";
import { portOf, socketChannel } from "./sockets_node.ts";

const HANDSHAKE_MS = 10_000;
/** Handshakes under way; for one more the oldest is hung up on, so that who only connects keeps nobody out. */
const MAX_HANDSHAKES = 256;
/** There is no renegotiation in 1.3, and none of the older ciphers. */
const VERSION = { minVersion: "TLSv1.3", maxVersion: "TLSv1.3" } as const;
/** For servers of others, which may know no better. */
const OLDER = { minVersion: "TLSv1.2", maxVersion: "TLSv1.3" } as const;

const sha256 = (bytes: Uint8Array) => new Uint8Array(late("crypto").createHash("sha256").update(bytes).digest());
const equal = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((x, i) => x === b[i]);
/** `sha256:` and the digits, as it is given to clients. */
const shown = (hash: Uint8Array) => `sha256:${[...hash].map((b) => b.toString(16).padStart(2, "0")).join("")}`;

/** Texts of the two libraries for what goes wrong, by code. */
const reasons: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: "the other side does not speak TLS",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "the other side does not speak TLS 1.3",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "the other side does not speak TLS 1.3",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "the other side does not speak TLS 1.3",
  ERR_TLS_HANDSHAKE_TIMEOUT: "no handshake in time",
  ERR_SSL_BAD_SIGNATURE: "the server has not the key of its certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "the client does not believe the certificate",
  ECONNRESET: "hung up during the handshake",
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate is for another name",
};
/** Codes of certificates nobody believed has signed. */
const untrusted = /SELF_SIGNED|UNABLE_TO_|CERT_UNTRUSTED|CERT_SIGNATURE|INVALID_CA|CA_/;
const UNTRUSTED = "the server's certificate is not signed by anybody trusted";
const ADVICE = "RUMP_TLS_CA or RUMP_TLS_FINGERPRINT says who is";

function reasonOf(e: unknown, advice = ADVICE): string {
  const { code = "", message = "" } = e as { code?: string; message?: string };
  if (/handshake timeout/i.test(message)) return reasons.ERR_TLS_HANDSHAKE_TIMEOUT!;
  if (untrusted.test(code)) return `${UNTRUSTED}: ${advice}`;
  return reasons[code] ?? `TLS: ${message.split("\n")[0]!.split(" (")[0]!.slice(0, 200)}`;
}
/** Failures of the connection itself stay errno; those of TLS are said. */
function failure(e: unknown, advice?: string): Error {
  const { code = "", syscall } = e as { code?: string; syscall?: string };
  return syscall !== undefined || /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH)$/.test(code)
    ? connectError(e)
    : new Error(reasonOf(e, advice));
}

/** A server's certificate and key, which belong together. Throws an Error with the reason. */
function identity({ cert, key }: Security): { readonly cert: string; readonly key: string; readonly hash: Uint8Array } {
  if (!cert || !key) throw new Error("a certificate and its key are needed: --tls-cert, --tls-key");
  const { X509Certificate, createPrivateKey } = late("crypto");
  const read = <T>(what: string, work: () => T): T => {
    try {
      return work();
    } catch {
      throw new Error(`no ${what} (PEM)`);
    }
  };
  const certificate = read("certificate", () => new X509Certificate(cert));
  const secret = read("private key without a passphrase", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(secret)) throw new Error("the key is not that of the certificate");
  return { cert, key, hash: sha256(certificate.raw) };
}

function dropOldest(waiting: Map<string, Socket>): void {
  for (const [peer, socket] of waiting) {
    waiting.delete(peer);
    return void socket.destroy();
  }
}
const peerOf = (s: Socket) => `${s.remoteAddress ?? "somebody"}:${s.remotePort ?? 0}`;

const listen: TlsSockets["listen"] = (address, security, { accept, turnedAway }) =>
  new Promise((resolve, reject) => {
    const { cert, key, hash } = identity(security);
    const handshakeTimeout = security.handshakeMs ?? HANDSHAKE_MS;
    const open = new Set<Socket>();
    const waiting = new Map<string, Socket>();
    const server = late("tls").createServer({ cert, key, ...VERSION, handshakeTimeout });
    server.on("connection", (socket: Socket) => {
      const peer = peerOf(socket);
      if (waiting.size >= MAX_HANDSHAKES) dropOldest(waiting);
      waiting.set(peer, socket);
      open.add(socket);
      socket.on("close", () => {
        open.delete(socket);
        if (waiting.get(peer) === socket) waiting.delete(peer);
      });
      Object.assign(socket, { peer }); // it is not known any more when the handshake has failed
    });
    server.on("secureConnection", (socket) => {
      waiting.delete(peerOf(socket));
      accept({ ...socketChannel(socket), binding: hash });
    });
    server.on("tlsClientError", (e, socket) => {
      turnedAway((socket as { peer?: string } | undefined)?.peer ?? "somebody", reasonOf(e));
      socket?.destroy();
    });
    server.on("error", (e) => reject(hostErrno(e)));
    const close = () => {
      server.close();
      for (const socket of open) socket.destroy();
    };
    server.listen(address.port, address.host, () => resolve({ close, ...portOf(server) } satisfies Listener));
  });

/** What OpenSSL's programs, curl and others believe: a file somebody names, or what the system has; else the runtime's own. */
function systemAuthorities(): string[] | undefined {
  const file = process.env.SSL_CERT_FILE;
  if (file) return [new TextDecoder().decode(readWhole(file))];
  const { getCACertificates } = late("tls");
  const found = getCACertificates?.("system") ?? [];
  return found.length > 0 ? found : undefined;
}
/** A connection over which all has been said that is said in the clear. */
async function plainSocket(address: SocketAddress, script: readonly Said[], gone: Promise<never>): Promise<Socket> {
  const socket = late("net").connect(
    "path" in address ? { path: address.path } : { host: address.host, port: address.port },
  );
  let had: number[] = [];
  let wake = () => {};
  const data = (b: Uint8Array) => {
    had.push(...b);
    wake();
  };
  const ended = new Promise<never>((_, reject) => {
    socket.once("error", (e) => reject(connectError(e)));
    socket.once("close", () => reject(new Error("hung up before TLS")));
  });
  ended.catch(() => {});
  const first = <T>(work: Promise<T>) => Promise.race([work, ended, gone]);
  try {
    await first(new Promise<void>((resolve) => void socket.once("connect", resolve)));
    socket.on("data", data);
    for (const said of script) {
      if ("send" in said) socket.write(new Uint8Array(said.send));
      else {
        while (had.length < said.expect.length) await first(new Promise<void>((resolve) => void (wake = resolve)));
        if (!said.expect.every((byte, i) => byte === null || byte === had[i])) {
          throw new Error("the server offers no TLS");
        }
        had = had.slice(said.expect.length);
      }
    }
    // What came before the handshake is not encrypted: nobody may take it for what is.
    if (had.length > 0) throw new Error("the server says more than it should before TLS");
    socket.removeListener("data", data);
    return socket;
  } catch (e) {
    socket.destroy();
    throw e;
  }
}
const nameFor = (a: SocketAddress, name: string | undefined) => name ?? ("path" in a ? "localhost" : a.host);

/** A connection whose server is who it should be; the binding is its certificate's hash. */
const connect: TlsSockets["connect"] = (address, security) =>
  new Promise((resolve, reject) => {
    const { ca, fingerprint, cert, key, plain, advice, handshakeMs = HANDSHAKE_MS } = security;
    let socket: Socket | undefined;
    let stop = (_: Error): void => {};
    const stopped = new Promise<never>((_, reject) => (stop = reject));
    stopped.catch(() => {});
    const give = (error: Error) => {
      clearTimeout(timer);
      stop(error);
      socket?.destroy();
      reject(error);
    };
    const timer = setTimeout(() => give(new Error(reasons.ERR_TLS_HANDSHAKE_TIMEOUT)), handshakeMs);
    const begin = (under: Socket | undefined) => {
      const authorities = fingerprint ? undefined : ca ?? systemAuthorities();
      const name = nameFor(address, security.serverName);
      const tls = late("tls").connect({
        ...under
          ? { socket: under, host: name }
          : "path" in address
          ? { path: address.path }
          : { host: address.host, port: address.port },
        ...(security.oldest === "1.2" ? OLDER : VERSION),
        ...(isAddress(name) ? {} : { servername: name }),
        ...(authorities === undefined ? {} : { ca: authorities }),
        ...cert !== undefined && { cert },
        ...key !== undefined && { key },
        // With a fingerprint that decides; that the server has the certificate's key is part of the handshake.
        rejectUnauthorized: fingerprint === undefined,
      });
      socket = tls;
      tls.once("error", (e) => give(failure(e, advice)));
      tls.once("close", () => give(new Error(reasons.ECONNRESET)));
      tls.once("secureConnect", () => {
        const { raw } = tls.getPeerCertificate(true);
        const hash = raw ? sha256(raw) : new Uint8Array(0);
        if (hash.length === 0) return give(new Error("the server has shown no certificate"));
        if (fingerprint && !equal(hash, fingerprint)) {
          return give(new Error(`the server's certificate is ${shown(hash)}`));
        }
        clearTimeout(timer);
        resolve({ ...socketChannel(tls), binding: hash } satisfies Channel);
      });
    };
    if (!plain) return begin(undefined);
    plainSocket(address, plain, stopped).then(begin).catch(give);
  });

export const tlsEvents: Pick<TlsSockets, "listen" | "connect"> = { listen, connect };
