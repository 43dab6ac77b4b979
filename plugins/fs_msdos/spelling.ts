/** How names are spelled: matching that ignores case, what can be shown, what a trailing dot or blank means. */

/** Upper case, character by character as Windows does: a name keeps its length. */
export function fold(name: string): string {
  // deno-lint-ignore no-control-regex -- nearly all names are ASCII
  if (/^[\x00-\x7f]*$/.test(name)) return name.toUpperCase();
  let out = "";
  for (const c of name) {
    const upper = c.toUpperCase();
    out += upper.length === c.length ? upper : c;
  }
  return out;
}
/**
 * What a name on the volume shows, when it cannot show itself: a slash as FULLWIDTH SOLIDUS, control characters of short
 * names as the SYMBOLS FOR them, half a surrogate pair as U+FFFD, "", "." and ".." as an underscore.
 */
export function showable(name: string, controls = true): string {
  if (/^[ -.0-~]+$/.test(name) && name !== "." && name !== "..") return name; // nearly all are
  // deno-lint-ignore no-control-regex -- that is what is looked for
  const odd = controls ? /[\x00-\x1f]/g : /\x00/g;
  const safe = name.replace(/\//g, "\uff0f").replace(odd, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)));
  return safe === "" || safe === "." || safe === ".." ? "_" : safe.toWellFormed();
}

/** What a name asked for means on the volume: without trailing dots and blanks; "" when nothing is left. */
export function clean(name: string): string {
  let end = name.length;
  while (end > 0 && (name[end - 1] === "." || name[end - 1] === " ")) end--;
  return end === name.length ? name : name.slice(0, end);
}
