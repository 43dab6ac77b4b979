/** URLs as messages, df and mount tables show them. */

/** Whether a source is a URL, and no path. */
export const isUrl = (source: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//.test(source);
/** A URL without what is nobody's business: user and password, and of http(s) the query, which may be a signature; no fragment. */
export function shownUrl(url: string): string {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*:\/\/)([^#]*)/s.exec(url) ?? [];
  if (scheme === undefined || rest === undefined) return url;
  const bare = rest.replace(/^[^/?]*@/, "");
  return scheme + (scheme.startsWith("http") ? bare.replace(/\?.*$/s, "") : bare);
}
/** What `shownUrl` leaves out. */
export function secretsOf(url: string): readonly string[] {
  const [, user, query] = /^[a-z][a-z0-9+.-]*:\/\/(?:([^/?#]*)@)?[^?#]*(?:\?([^#]*))?/.exec(url) ?? [];
  return [user, url.startsWith("http") ? query : undefined].filter((text) =>
    text !== undefined && text !== ""
  ) as string[];
}
/** A URL's fragment as options (`#cafile=ca.pem&timeout=5`), and the URL without it. Never sent to anybody. */
export function splitOptions(url: string): readonly [url: string, options: Readonly<Record<string, string>>] {
  const at = url.indexOf("#");
  if (at < 0) return [url, {}];
  const words = url.slice(at + 1).split("&").filter((word) => word !== "");
  const pairs = words.map((word) => {
    const equals = word.indexOf("=");
    return equals < 0 ? [word, ""] : [word.slice(0, equals), decoded(word.slice(equals + 1))];
  });
  return [url.slice(0, at), Object.fromEntries(pairs)];
}
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a percent sign that is one
  }
}
