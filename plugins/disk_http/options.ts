/** What follows the `#` of a URL. */
import * as v from "valibot";

const MIB = 2 ** 20;
const seconds = (about: string, otherwise: number) =>
  v.optional(v.pipe(v.number(), v.minValue(0.1), v.maxValue(3600), v.description(about)), otherwise);

export const options = v.strictObject({
  cafile: v.optional(v.pipe(v.string(), v.description("certificates of the only authorities to believe (PEM)"))),
  header: v.optional(v.pipe(v.string(), v.description("a file of header lines to send: tokens, cookies"))),
  timeout: seconds("seconds of silence until the server counts as gone", 15),
  retries: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100), v.description("how often to ask again")),
    4,
  ),
  cache: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(8 * MIB),
      v.maxValue(4096 * MIB),
      v.description("bytes of the image to keep in memory"),
      v.metadata({ format: "size" }),
    ),
    64 * MIB,
  ),
});
export type HttpOptions = v.InferOutput<typeof options>;
