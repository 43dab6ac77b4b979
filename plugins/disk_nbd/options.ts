/** What follows the `#` of a URL. */
import * as v from "valibot";

const file = (about: string) => v.optional(v.pipe(v.string(), v.description(about)));

export const options = v.strictObject({
  cafile: file("certificates of the only authorities to believe (PEM)"),
  cert: file("our certificate, where the server asks for one (PEM)"),
  key: file("its key (PEM)"),
  reconnect: v.optional(
    v.pipe(
      v.number(),
      v.minValue(1),
      v.maxValue(86_400),
      v.description("seconds to try again when the server is gone; left out: it is gone for good"),
    ),
  ),
});
export type NbdOptions = v.InferOutput<typeof options>;
