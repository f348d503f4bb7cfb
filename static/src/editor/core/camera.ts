import {
  type Bbox,
  type Camera,
  clamp,
  imagePoint,
  type ScreenPoint,
  type Size,
  screenPoint,
  toImage,
} from "./units.ts";

const MIN_ZOOM = 0.01;
const MAX_ZOOM = 64;
/** At least this many CSS pixels of the image stay in sight, so that nobody gets lost. */
const KEEP_IN_SIGHT = 48;

/** Show a whole region in the middle of the view. */
export function fitTo(region: Bbox, view: Size, margin = 24): Camera {
  const [x1, y1, x2, y2] = region;
  const zoom = clamp(
    Math.min(
      Math.max(view.width - 2 * margin, 1) / Math.max(x2 - x1, 1),
      Math.max(view.height - 2 * margin, 1) / Math.max(y2 - y1, 1),
    ),
    MIN_ZOOM,
    MAX_ZOOM,
  );
  return {
    zoom,
    origin: imagePoint((x1 + x2 - view.width / zoom) / 2, (y1 + y2 - view.height / zoom) / 2),
  };
}

/** Scale so that the image pixel under `at` stays where it is. */
export function zoomAt(camera: Camera, at: ScreenPoint, factor: number): Camera {
  const zoom = clamp(camera.zoom * factor, MIN_ZOOM, MAX_ZOOM);
  const [x, y] = toImage(camera, at);
  return { zoom, origin: imagePoint(x - at[0] / zoom, y - at[1] / zoom) };
}

export function panBy(camera: Camera, dx: number, dy: number): Camera {
  const [x, y] = camera.origin;
  return { ...camera, origin: imagePoint(x - dx / camera.zoom, y - dy / camera.zoom) };
}

/** Two fingers: the image follows both of them. */
export function pinch(
  camera: Camera,
  from: readonly [ScreenPoint, ScreenPoint],
  to: readonly [ScreenPoint, ScreenPoint],
): Camera {
  const span = (pair: typeof from) => Math.hypot(pair[1][0] - pair[0][0], pair[1][1] - pair[0][1]);
  const middle = (pair: typeof from) =>
    screenPoint((pair[0][0] + pair[1][0]) / 2, (pair[0][1] + pair[1][1]) / 2);
  const start = middle(from);
  const end = middle(to);
  const scaled = zoomAt(camera, start, span(to) / Math.max(span(from), 1));
  return panBy(scaled, end[0] - start[0], end[1] - start[1]);
}

/** The nearest camera that still shows some of the image. */
export function keepInSight(camera: Camera, image: Size, view: Size): Camera {
  const keep = Math.min(KEEP_IN_SIGHT, view.width / 2, view.height / 2);
  const along = (origin: number, imageSide: number, viewSide: number) => {
    const slack = (viewSide - keep) / camera.zoom;
    const reach = imageSide - keep / camera.zoom;
    return clamp(origin, Math.min(-slack, reach), Math.max(-slack, reach));
  };
  return {
    ...camera,
    origin: imagePoint(
      along(camera.origin[0], image.width, view.width),
      along(camera.origin[1], image.height, view.height),
    ),
  };
}

/** The region of the image that the view shows. */
export function visibleRegion(camera: Camera, view: Size): Bbox {
  const [x, y] = camera.origin;
  return [x, y, x + view.width / camera.zoom, y + view.height / camera.zoom];
}
