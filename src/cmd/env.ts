/** rump env: shell commands that set RUMP_SERVER, PATH and the prompt (rump_sp(7) recommends such a prompt). */
import type { Host } from "../host/host.ts";
import { type Grammar, parse, usage } from "./cli.ts";
import type { Run } from "./mod.ts";

const grammar: Grammar = {
  usage: "[--shell sh|bash|zsh|fish] locator",
  about:
    "Print what sets RUMP_SERVER to the locator, puts the rump.* programs into PATH and shows the server in the\n" +
    "prompt. `rump_off` undoes it.",
  letters: "",
  help: { "shell=": "for this shell; left out: the one that runs it, or SHELL" },
  examples: ['unix://sock    # eval "$(rump env unix://sock)"; in fish: rump env unix://sock | source'],
};

/** As one word of a shell. */
const quote = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;
const fishQuote = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;

const posix = (server: string, bin: string, shell: string) =>
  `export RUMP_SERVER=${quote(server)}
if [ -z "\${RUMP_OLD_PATH:-}" ]; then RUMP_OLD_PATH=$PATH; RUMP_OLD_PS1=\${PS1-}; fi
PATH=${quote(bin)}:$RUMP_OLD_PATH
PS1=${quote(promptOf(server, shell))}$RUMP_OLD_PS1
rump_off() { PATH=$RUMP_OLD_PATH; PS1=$RUMP_OLD_PS1; unset RUMP_SERVER RUMP_OLD_PATH RUMP_OLD_PS1; unset -f rump_off; }
`;
/** What the prompts of bash and zsh expand is taken as it is. */
function promptOf(server: string, shell: string): string {
  if (shell === "zsh") return `(${server.replace(/%/g, "%%")}) `;
  return `(${server.replace(/[\\$`]/g, "\\$&")}) `;
}
const fish = (server: string, bin: string) =>
  `set -gx RUMP_SERVER ${fishQuote(server)}
set -q RUMP_OLD_PATH; or set -g RUMP_OLD_PATH $PATH
set -gx PATH ${fishQuote(bin)} $RUMP_OLD_PATH
functions -q rump_old_prompt; or functions -c fish_prompt rump_old_prompt
function fish_prompt; echo -n ${fishQuote(`(${server}) `)}; rump_old_prompt; end
function rump_off
  set -gx PATH $RUMP_OLD_PATH; set -e RUMP_SERVER; set -e RUMP_OLD_PATH
  functions -e fish_prompt; functions -c rump_old_prompt fish_prompt; functions -e rump_old_prompt; functions -e rump_off
end
`;

/** A relative unix socket is found from other directories, too. */
function absolute(host: Host, locator: string): string {
  const m = /^unix:\/\/([^/@].*)$/s.exec(locator);
  return m ? `unix://${host.cwd()}/${m[1]}` : locator;
}

/** The shell this was started by, when it is one. */
function parentShell(host: Host): string | undefined {
  const text = (path: string) => new TextDecoder().decode(host.readFile(path));
  try {
    const ppid = /^PPid:\s*(\d+)$/m.exec(text("/proc/self/status"))?.[1];
    const comm = text(`/proc/${ppid}/comm`).trim();
    return ["sh", "bash", "zsh", "fish", "dash"].includes(comm) ? comm : undefined;
  } catch {
    return undefined; // no /proc
  }
}

export const run: Run = (host, argv) => {
  const { options, rest } = parse(host, argv, grammar);
  const named = options.find(([o]) => o === "shell")?.[1] ?? parentShell(host) ?? host.env("SHELL") ?? "sh";
  const shell = named.slice(named.lastIndexOf("/") + 1);
  const [locator] = rest;
  if (rest.length !== 1 || !/^[a-z0-9]+:\/\/./.test(locator!) || locator!.includes("\n")) {
    return usage(host, argv[0]!, grammar);
  }
  const server = absolute(host, locator!);
  const { path } = host.self;
  const bin = path.slice(0, path.lastIndexOf("/"));
  host.out(shell === "fish" ? fish(server, bin) : posix(server, bin, shell));
  return 0;
};
