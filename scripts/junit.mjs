// Counts the tests of a JUnit report: "passed failed skipped".
import { readFileSync } from "node:fs";

const xml = readFileSync(process.argv[2], "utf8");
const cases = xml.match(/<testcase\b[^>]*?(?:\/>|>[\s\S]*?<\/testcase>)/g) ?? [];
const failed = cases.filter((c) => /<(failure|error)\b/.test(c)).length;
const skipped = cases.filter((c) => /<skipped\b/.test(c)).length;
console.log(cases.length - failed - skipped, failed, skipped);
