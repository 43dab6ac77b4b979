/** Disks as drivers give them, and how they are asked for. */
import type { Async } from "./async.ts";

/** A disk: host file, memory, network. Transfers past `size` throw EIO. */
export interface BlockDevice {
  /** Offset and length of every transfer are multiples of it; 1: any. */
  readonly blockSize: number;
  /** Bytes. */
  readonly size: number;
  /** For messages and `df`. */
  readonly name: string;
  /** Fill all of `into` (lent). */
  read(into: Uint8Array, offset: number): Async<void>;
  /** Absent: read-only. */
  write?(from: Uint8Array, offset: number): Async<void>;
  /** Everything written so far is on the medium when it returns. */
  flush?(): Async<void>;
  /** Nobody needs what is there any more: it may read as anything, and its room is given back where that can be. */
  discard?(offset: number, length: number): Async<void>;
  /** The first byte at or after `offset` that may be other than zero, as far as that is known without reading; `size`: none. */
  nextData?(offset: number): Async<number>;
  /** Room is given to so many bytes at once: written whole, and each once, they go fastest. */
  readonly unit?: number;
  /** What it is on can be longer or shorter (a file): `size` is this many bytes from now on, new ones are zeros. */
  resize?(size: number): Async<void>;
  close?(): Async<void>;
}
/** How a disk is asked for. */
export interface DiskRequest {
  /** Where it is, as it was asked for: a path, a URL. */
  readonly source: string;
  readonly readOnly: boolean;
  /** What the image is stored on, for a driver of a format. The driver closes it. */
  readonly base?: BlockDevice;
  /** The image this one is a change of, if whoever asks says which that is; never as the image itself names it. */
  readonly backing?: BlockDevice;
  /** Empty room that nobody else sees, which can be resized and is gone once it is closed. The driver closes it. */
  scratch?(): BlockDevice | undefined;
  /** For what is read whole before anything else: how much of it is, 0 to 1. */
  progress?(part: number): void;
}
/** How a new image is asked for. */
export interface DiskCreation<C = unknown> {
  /** What it will be called: a path. */
  readonly source: string;
  /** Bytes of the disk. */
  readonly size: number;
  /** Parsed with the driver's schema for them. */
  readonly options: C;
  /** An empty file, which can be resized, and is on the medium when whoever asks says so. The driver closes it. */
  readonly base: BlockDevice;
  /** The image it is to be a change of, and the name and format by which others will find that. The driver closes it. */
  readonly backing?: { readonly name: string; readonly format: string; readonly device: BlockDevice };
}
/** What an image says of itself, without a look at the disk in it. */
export interface DiskFacts {
  /** Bytes of the disk. */
  readonly size: number;
  /** Of the kinds its format has, which: "version 3", "dynamic". */
  readonly variant?: string;
  /** Bytes that get their room at once. */
  readonly unit?: number;
  /** How its data is packed, where that is: "zstd". */
  readonly compression?: string;
  /** The image it says it is a change of, and that one's format. Nobody need believe it. */
  readonly backing?: { readonly name: string; readonly format?: string };
  /** States of the disk that are kept in it. */
  readonly snapshots?: readonly DiskSnapshot[];
  /** What is odd about it, a line each: "marked as corrupt". */
  readonly notes?: readonly string[];
}
export interface DiskSnapshot {
  readonly id: string;
  readonly name: string;
  /** Seconds since 1970. */
  readonly time: number;
  /** Bytes of the disk then, and of the machine's memory that is kept with it. */
  readonly size: number;
  readonly memory: number;
}
