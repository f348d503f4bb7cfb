import type { Pixels } from "../core/livewire.ts";
import { type Bbox, imagePoint } from "../core/units.ts";
import { isTiled, type Picture } from "./draw.ts";

/** More than this many pixels a side tell no more, and take long. */
const MOST_PX = 360;

/** A region of a picture in grey; null where the browser does not let us read it. */
export function readPixels(picture: Picture, region: Bbox): Pixels | null {
  const [x1, y1, x2, y2] = region;
  const [across, down] = [x2 - x1, y2 - y1];
  if (across < 1 || down < 1) return null;
  const scale = Math.min(1, MOST_PX / Math.max(across, down));
  const width = Math.max(1, Math.round(across * scale));
  const height = Math.max(1, Math.round(down * scale));
  const ctx = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!ctx) return null;
  if (isTiled(picture)) {
    const camera = { origin: imagePoint(x1, y1), zoom: scale };
    picture.drawOn(ctx, { camera, view: { width, height } }, 1);
  } else {
    ctx.drawImage(picture, x1, y1, across, down, 0, 0, width, height);
  }
  try {
    const { data } = ctx.getImageData(0, 0, width, height);
    const gray = new Uint8ClampedArray(width * height);
    for (let at = 0; at < gray.length; at++) {
      const [r = 0, g = 0, b = 0] = data.subarray(4 * at, 4 * at + 3);
      gray[at] = 0.299 * r + 0.587 * g + 0.114 * b;
    }
    return { region, width, height, gray };
  } catch {
    return null; // the picture came from another host, which does not share its pixels
  }
}
