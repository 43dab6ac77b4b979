/** Counts the tests of a JUnit report: "passed failed skipped". */
import { readFileSync } from "node:fs";
import process from "node:process";

const xml = readFileSync(process.argv[2] ?? "", "utf8");
const cases = xml.match(/<testcase\b[^>]*?(?:\/>|>[\s\S]*?<\/testcase>)/g) ?? [];
const failed = cases.filter((c) => /<(failure|error)\b/.test(c)).length;
const skipped = cases.filter((c) => /<skipped\b/.test(c)).length;
process.stdout.write(`${cases.length - failed - skipped} ${failed} ${skipped}\n`);
