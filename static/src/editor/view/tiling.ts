import type { ImageWire } from "../core/wire.ts";
import type { Adviser } from "../sync/transport.ts";
import { isTiled, type Picture } from "./draw.ts";
import type { Pictures } from "./pictures.ts";
import type { TiledPicture } from "./tiledPicture.ts";

const ASK_AGAIN_MS = 2000;

/** What draws tiles is fetched with the first image that has some: most have none. */
export type Tiles = () => Promise<Pick<typeof import("./tiledPicture.ts"), "TiledPicture">>;

export interface TilingHost {
  readonly adviser: Adviser;
  readonly pictures: Pictures;
  readonly tiles: Tiles;
  readonly repaint: () => void;
  readonly notice: (key: string, values?: Readonly<Record<string, string | number>>) => void;
}

/** What can be shown of an image first, and is worth having before it is opened. */
export const firstUrl = ({ tiles_url, thumbnail_url, url }: ImageWire): string =>
  tiles_url ? thumbnail_url : url;

/** Free what a picture holds that is no longer shown. */
export function letGo(picture: Picture | null): void {
  if (isTiled(picture)) picture.close();
}

/**
 * The picture of an image, or of `url` in its place; null where it cannot be decoded.
 *
 * Of a very large image the thumbnail is there at once, and the tiles once they are cut.
 */
export async function pictureOf(
  image: ImageWire,
  url: string | undefined,
  host: TilingHost,
): Promise<Picture | null> {
  if (url !== undefined || !image.tiles_url) return host.pictures.get(url ?? image.url);
  const [base, drawing] = await Promise.all([
    host.pictures.get(image.thumbnail_url),
    host.tiles().catch(() => null),
  ]);
  if (!drawing) return null;
  const picture = new drawing.TiledPicture(image, base, host.repaint);
  void begin(picture, image, host);
  return picture;
}

async function begin(picture: TiledPicture, image: ImageWire, host: TilingHost): Promise<void> {
  while (!picture.isClosed) {
    const tiling = await host.adviser.tiling(image.id);
    if (picture.isClosed) return;
    if (tiling?.state === "ready") {
      const levels = tiling.levels.map(([width, height]) => ({ width, height }));
      const { tile_px: tilePx } = tiling;
      picture.begin(
        { image, tilePx, levels },
        ({ level, column, row }) => `${image.tiles_url}${level}/${column}/${row}/`,
      );
      return;
    }
    if (tiling?.state === "failed") {
      host.notice("tilesFailed", { detail: tiling.detail });
      return;
    }
    if (tiling) host.notice("tilesCutting", { percent: tiling.percent });
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}
