/** Flags of open(2) that Linux numbers by machine (asm/fcntl.h). */
import process from "node:process";

const arm = process.arch === "arm64";
/** It must be a directory. */
export const O_DIRECTORY: number = arm ? 0o40000 : 0o200000;
/** It must be no symbolic link; with O_PATH that is what is opened. */
export const O_NOFOLLOW: number = arm ? 0o100000 : 0o400000;
/** Past the page cache. */
export const O_DIRECT: number = arm ? 0o200000 : 0o40000;
