/** /proc/self/mounts, whose fields have blanks and backslashes as octal escapes (proc(5)). */

/** A field as it was meant. */
export const octal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, o) => String.fromCharCode(parseInt(o, 8)));
