/** Rows of the system call table: extended attributes by name space (extattr_get_file(2)). */
import { change, fd, lookup } from "./args.ts";
import { i32, input, len, maybeOutput, path, sys, value } from "./types.ts";

/** EXTATTR_NAMESPACE_USER or _SYSTEM. */
const attrnamespace = value("int", i32);
const attrname = path();
const given = { attrnamespace, attrname, data: input("const void *", "nbytes"), nbytes: len("data") };
const taken = { attrnamespace, attrname, data: maybeOutput("void *", "nbytes"), nbytes: len("data") };
const named = { attrnamespace, attrname };
const listed = { attrnamespace, data: maybeOutput("void *", "nbytes"), nbytes: len("data") };

const attributes = ["EOPNOTSUPP", "EINVAL", "ENAMETOOLONG"] as const;
const missing = [...attributes, "ENOATTR"] as const;
const ofFd = ["EBADF", "EACCES", "EPERM"] as const;
const set = "Set an extended attribute; gives how many bytes it has.";
const get = "Read an extended attribute, as much as fits; without a buffer how long it is.";
const remove = "Remove an extended attribute.";
const list = "Names of the extended attributes, each behind a byte that says how long it is.";

export const extattrCalls = {
  extattr_set_file: sys(
    361,
    () => ({ doc: set, args: { path: path(), ...given }, errors: [...change, ...attributes] }),
  ),
  extattr_get_file: sys(362, () => ({
    doc: get,
    args: { path: path(), ...taken },
    ret: "ssize_t",
    errors: [...lookup, "EPERM", ...missing],
  })),
  extattr_delete_file: sys(363, () => ({
    doc: remove,
    args: { path: path(), ...named },
    errors: [...change, ...missing],
  })),
  extattr_set_fd: sys(364, () => ({
    doc: `${set} Of an open file.`,
    args: { fd, ...given },
    errors: [...ofFd, "EROFS", ...attributes],
  })),
  extattr_get_fd: sys(365, () => ({
    doc: `${get} Of an open file.`,
    args: { fd, ...taken },
    ret: "ssize_t",
    errors: [...ofFd, ...missing],
  })),
  extattr_delete_fd: sys(366, () => ({
    doc: `${remove} Of an open file.`,
    args: { fd, ...named },
    errors: [...ofFd, "EROFS", ...missing],
  })),
  extattr_set_link: sys(367, () => ({
    doc: `${set} A link is not followed.`,
    args: { path: path(), ...given },
    errors: [...change, ...attributes],
  })),
  extattr_get_link: sys(368, () => ({
    doc: `${get} A link is not followed.`,
    args: { path: path(), ...taken },
    ret: "ssize_t",
    errors: [...lookup, "EPERM", ...missing],
  })),
  extattr_delete_link: sys(369, () => ({
    doc: `${remove} A link is not followed.`,
    args: { path: path(), ...named },
    errors: [...change, ...missing],
  })),
  extattr_list_fd: sys(370, () => ({
    doc: `${list} Of an open file.`,
    args: { fd, ...listed },
    ret: "ssize_t",
    errors: [...ofFd, ...attributes],
  })),
  extattr_list_file: sys(371, () => ({
    doc: list,
    args: { path: path(), ...listed },
    ret: "ssize_t",
    errors: [...lookup, "EPERM", ...attributes],
  })),
  extattr_list_link: sys(372, () => ({
    doc: `${list} A link is not followed.`,
    args: { path: path(), ...listed },
    ret: "ssize_t",
    errors: [...lookup, "EPERM", ...attributes],
  })),
} as const;
