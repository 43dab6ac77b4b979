import { test } from "node:test";
import { SysError } from "../../src/abi/errno.ts";
import { toBsd, toLinux } from "../../src/hijack/sockaddr.ts";
import { assertEquals, assertThrows } from "../assert.ts";

const linux4 = new Uint8Array([2, 0, 0x1f, 0x90, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
const bsd4 = new Uint8Array([16, 2, 0x1f, 0x90, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
const tail6 = [0, 80, 0, 0, 0, 0, 0xfe, 0x80, ...Array<number>(13).fill(0), 1, 2, 0, 0, 0];
const linux6 = new Uint8Array([10, 0, ...tail6]);
const bsd6 = new Uint8Array([28, 24, ...tail6]);

test("IPv4 addresses go both ways", () => {
  assertEquals(toBsd(linux4), bsd4);
  assertEquals(toLinux(bsd4), linux4);
});
test("IPv6 addresses go both ways, with their scope", () => {
  assertEquals(toBsd(linux6), bsd6);
  assertEquals(toLinux(bsd6), linux6);
});
test("an IPv6 address without a scope is none of a link", () => {
  assertEquals(toBsd(linux6.subarray(0, 24)), new Uint8Array([...bsd6.subarray(0, 24), 0, 0, 0, 0]));
});
test("a longer structure is cut", () => {
  assertEquals(toBsd(new Uint8Array([...linux4, 1, 2, 3])), bsd4);
});
test("what is too short is EINVAL", () => {
  assertThrows(() => toBsd(linux4.subarray(0, 15)), SysError, "Invalid argument");
  assertThrows(() => toBsd(linux6.subarray(0, 23)), SysError, "Invalid argument");
  assertThrows(() => toBsd(new Uint8Array(1)), SysError, "Invalid argument");
});
test("another family is EAFNOSUPPORT", () => {
  assertThrows(() => toBsd(new Uint8Array([1, 0, 47, 0])), SysError, "Address family");
});
test("no address is one of no family", () => {
  assertEquals(toLinux(new Uint8Array(0)), new Uint8Array(16));
});
