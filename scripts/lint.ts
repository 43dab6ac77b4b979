/** House rules as a `deno lint` plugin: layers, packages and globals where they belong, files and functions of bounded size. */

/** What each layer of src may import; types of plugin.ts are everybody's. */
const layers: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  abi: ["lib"],
  wire: ["lib", "abi"],
  host: ["lib", "abi"],
  kern: ["lib", "abi"],
  vfs: ["lib", "abi", "wire", "kern"],
  net: ["lib", "abi", "wire", "kern"],
  conformance: ["lib", "abi", "kern", "vfs"],
  isolate: ["lib", "abi", "kern", "host/host.ts"],
  proxy: ["lib", "abi", "kern", "host/host.ts"],
  fuse: ["lib", "abi", "wire", "kern", "vfs", "host/host.ts"],
  // A hijacked program's files are served by fuse's server, over a volume whose operations are remote calls.
  hijack: ["lib", "abi", "proxy", "fuse", "vfs", "host/host.ts"],
  "plugin.ts": ["lib", "abi"],
};
/** Who uses a package. */
const packages: Readonly<Record<string, readonly string[]>> = {
  "iconv-lite": ["plugins"],
  cac: ["cmd"],
  valibot: ["abi", "kern", "cmd", "plugins"],
};
const globals = new Set(["Bun", "Deno", "process", "Buffer", "require"]);
const MAX_FILE = 400;
const MAX_FUNCTION = 60;

/** Part of the program, not a test of it. */
const isOurs = (path: string) => /(?<!\/tests)\/(src|plugins)\//.test(path);

/** Where a file is: its layer of src, or its plugin. */
function place(
  path: string,
): { readonly layer?: string; readonly plugin?: string; readonly within: string } | undefined {
  const m = /(?<!\/tests)\/(?:src\/([^/]+)(.*)|plugins\/([^/]+)\/.*)$/.exec(path);
  if (!m) return undefined;
  return m[3] ? { plugin: m[3], within: "" } : { layer: m[1]!, within: m[1]! + m[2]! };
}

function wrongImport(from: string, name: string): string | undefined {
  const here = place(from);
  if (!here) return undefined;
  const layer = here.plugin ? "plugins" : here.layer!;
  if (!name.startsWith(".")) {
    if (name.startsWith("node:") || name === "bun:ffi") {
      return layer === "host" ? undefined : "the host is asked through src/host";
    }
    const owners = packages[name.split("/")[0]!];
    return owners && !owners.includes(layer) ? `only ${owners.join(", ")} use ${name}` : undefined;
  }
  const to = place(new URL(name, `file://${from}`).pathname);
  if (
    !to || to.within === "plugin.ts" || (to.layer && to.layer === here.layer) ||
    (to.plugin && to.plugin === here.plugin)
  ) return undefined;
  if (here.plugin) {
    return to.layer === "lib" || to.layer === "wire"
      ? undefined
      : "a plugin sees plugin.ts, src/lib, src/wire and its own folder";
  }
  const allowed = layers[layer];
  if (!allowed || allowed.includes(to.layer ?? "") || allowed.includes(to.within)) return undefined;
  return `${layer} may import ${allowed.join(", ") || "nothing"}`;
}

type FunctionNode = Deno.lint.FunctionDeclaration | Deno.lint.FunctionExpression;

const plugin: Deno.lint.Plugin = {
  name: "rump",
  rules: {
    layers: {
      create(context) {
        const check = (node: Deno.lint.Node, name: string) => {
          const wrong = wrongImport(context.filename, name);
          if (wrong) context.report({ node, message: `import of ${name}: ${wrong}` });
        };
        return {
          ImportDeclaration: (node) => check(node, node.source.value),
          ExportNamedDeclaration: (node) => void (node.source && check(node, node.source.value)),
        };
      },
    },
    globals: {
      create(context) {
        if (!isOurs(context.filename) || context.filename.includes("/src/host/")) return {};
        return {
          Identifier(node) {
            if (!globals.has(node.name)) return;
            const { parent } = node;
            if (parent.type === "MemberExpression" && parent.property === node) return;
            if (parent.type === "Property" && parent.key === node) return;
            if (parent.type.startsWith("TS")) return;
            context.report({ node, message: `${node.name} belongs in src/host` });
          },
        };
      },
    },
    files: {
      create(context) {
        return {
          Program(node) {
            const text = context.sourceCode.text;
            const name = context.filename.slice(context.filename.lastIndexOf("/") + 1);
            if (!/^[a-z0-9_]+(\.test|\.d)?\.ts$/.test(name) || name === "index.ts") {
              context.report({ node, message: `${name}: snake_case, never index.ts` });
            }
            const lines = text.split("\n").length - 1;
            if (lines > MAX_FILE) {
              context.report({ node, message: `${lines} lines: a second file is due at ${MAX_FILE}` });
            }
            if (!isOurs(context.filename)) return;
            // deno-lint-ignore no-control-regex -- what is not ASCII
            const odd = /[^\x00-\x7f\u2026]/.exec(text);
            if (odd) context.report({ node, message: `not ASCII: ${odd[0]}` });
            if (/new SysError\(/.test(text) && !context.filename.endsWith("/abi/errno.ts")) {
              context.report({ node, message: "throw errno.X: SysError is made in abi/errno.ts only" });
            }
          },
        };
      },
    },
    functions: {
      create(context) {
        const check = (node: FunctionNode) => {
          const text = context.sourceCode.getText(node);
          const lines = text.split("\n").length;
          if (lines > MAX_FUNCTION && !/\bswitch \(/.test(text)) {
            context.report({ node, message: `a function of ${lines} lines: split it at ${MAX_FUNCTION}` });
          }
        };
        return { FunctionDeclaration: check, FunctionExpression: check };
      },
    },
  },
};
export default plugin;
