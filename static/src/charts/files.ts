/** What a reader takes away from a chart. */
const SHARPNESS = 2;
const MARGIN = 16;

/**
 * The chart as a picture, in the colours of the page.
 *
 * The drawing is painted again on a canvas, path by path: a picture loaded from markup
 * would know neither the page's fonts nor its colours.
 */
export async function pngOf(svg: SVGSVGElement, title: string): Promise<Blob> {
  const { width, height } = svg.getBoundingClientRect();
  const font = getComputedStyle(svg);
  const head = Number.parseFloat(font.fontSize) * 2;
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil((width + 2 * MARGIN) * SHARPNESS);
  canvas.height = Math.ceil((height + head + 2 * MARGIN) * SHARPNESS);
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("no picture");
  pen.scale(SHARPNESS, SHARPNESS);
  pen.fillStyle = backgroundOf(svg);
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.translate(MARGIN, MARGIN);
  pen.fillStyle = getComputedStyle(document.body).color;
  pen.font = `600 ${font.fontSize} ${font.fontFamily}`;
  pen.fillText(title, 0, head / 2);
  pen.translate(0, head);
  paint(svg, pen);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/png");
  });
}

function paint(svg: SVGSVGElement, pen: CanvasRenderingContext2D): void {
  for (const part of svg.children) {
    if (part instanceof SVGPathElement) paintPath(part, pen);
    else if (part instanceof SVGTextElement) paintText(part, pen);
    else if (part instanceof SVGSVGElement) {
      pen.save();
      const { x, y, width, height } = part;
      pen.beginPath();
      pen.rect(x.baseVal.value, y.baseVal.value, width.baseVal.value, height.baseVal.value);
      pen.clip();
      paint(part, pen);
      pen.restore();
    }
  }
}

function paintPath(part: SVGPathElement, pen: CanvasRenderingContext2D): void {
  const path = new Path2D(part.getAttribute("d") ?? "");
  const { fill, stroke, strokeWidth, strokeDasharray, strokeLinecap } = getComputedStyle(part);
  if (fill !== "none") {
    pen.fillStyle = fill;
    pen.fill(path);
  }
  if (stroke === "none") return;
  pen.strokeStyle = stroke;
  pen.lineWidth = Number.parseFloat(strokeWidth);
  pen.lineCap = strokeLinecap as CanvasLineCap;
  pen.lineJoin = "round";
  pen.setLineDash(
    strokeDasharray === "none" ? [] : strokeDasharray.split(",").map(Number.parseFloat),
  );
  pen.stroke(path);
}

function paintText(part: SVGTextElement, pen: CanvasRenderingContext2D): void {
  const { fill, fontSize, fontFamily } = getComputedStyle(part);
  const anchor = part.getAttribute("text-anchor");
  pen.fillStyle = fill;
  pen.font = `${fontSize} ${fontFamily}`;
  pen.textAlign = anchor === "middle" ? "center" : (anchor as CanvasTextAlign);
  pen.fillText(part.textContent, Number(part.getAttribute("x")), Number(part.getAttribute("y")));
}

function backgroundOf(part: Element): string {
  for (let at: Element | null = part; at; at = at.parentElement) {
    const { backgroundColor } = getComputedStyle(at);
    if (!/^(transparent|rgba\(0, 0, 0, 0\))$/.test(backgroundColor)) return backgroundColor;
  }
  return "white";
}

/** Hand a file to the reader under a name made of the chart's title. */
export function offer(blob: Blob, title: string, ending: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${title.trim().replaceAll(/[\s/\\:*?"<>|]+/g, "-") || "chart"}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
