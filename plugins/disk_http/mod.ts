/**
 * http: images on web servers, read by ranges (RFC 9110, sections 13 and 14): http://host/disk.img, https://host/disk.img.
 * Read-only. What changes there while it is open is EIO: half of an image is none.
 */
import type { DiskDriver } from "../../src/plugin.ts";
import { shownUrl } from "../../src/lib/urls.ts";
import { Cache } from "./cache.ts";
import { Image } from "./image.ts";
import { type HttpOptions, options } from "./options.ts";
import { placeOf } from "./place.ts";

const driver: DiskDriver<HttpOptions> = {
  kind: "disk",
  name: "http",
  options,
  apart: () => true,
  async open(sys, given, request) {
    const source = request?.source ?? "";
    const name = shownUrl(source);
    const refuse = (why: string): never => {
      sys.log(`http: ${name}: ${why}`);
      throw sys.errno.EINVAL;
    };
    try {
      const image = await Image.open(sys, placeOf(source), given);
      const cache = new Cache(image, given.cache);
      return {
        name,
        size: image.size,
        blockSize: 1,
        read(into, offset) {
          if (!(offset >= 0) || offset + into.length > image.size) throw sys.errno.EIO;
          const done = cache.read(into, offset);
          if (!(done instanceof Promise)) return;
          return done.catch((e) => {
            sys.log(`http: ${name}: ${(e as Error).message}`);
            throw sys.errno.EIO;
          });
        },
        close: () => image.close(),
      };
    } catch (e) {
      // Failures of the connection itself are errno; all others are said.
      if (typeof (e as { errno?: unknown }).errno === "number") throw e;
      return refuse((e as Error).message);
    }
  },
};
export default driver;
