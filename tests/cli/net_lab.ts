/** A lab for tests of network programs. */
import { writeFileSync } from "node:fs";
import { type Shell, within } from "./helpers.ts";

/** Two networks and who passes on between them: the recordings' addresses. */
const lab = {
  hosts: {
    a: { links: { left: ["10.1.0.2/24", "2001:db8:1::2/64"] }, routes: { default: "10.1.0.1" } },
    router: { links: { left: ["10.1.0.1/24", "2001:db8:1::1/64"], right: ["10.2.0.1/24", "2001:db8:2::1/64"] } },
    b: { links: { right: ["10.2.0.2/24", "2001:db8:2::2/64"] }, routes: { default: "10.2.0.1" } },
  },
  links: { left: { fast: true }, right: { fast: true } },
};
/** Work with both up; `on` is the environment that makes host a the server. */
export async function withLab(
  work: (sh: Shell, on: { readonly RUMP_SERVER: string }) => void | Promise<void>,
): Promise<void> {
  await within(async (sh) => {
    writeFileSync(`${sh.dir}/lab.json`, JSON.stringify(lab));
    sh.must("rump net -b lab.json");
    sh.env.RUMP_SERVER = `unix://${sh.dir}/lab.run/a.sock`;
    try {
      await work(sh, { RUMP_SERVER: sh.env.RUMP_SERVER });
    } finally {
      sh.run("rump net lab.json down");
    }
  });
}
