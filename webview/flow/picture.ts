/** The heat strips as a canvas that is as wide as they are shown and one pixel high for each layer. */
import type { FlowColumn } from "../protocol";
import { columnEdges, columnPixels, firstNewColumn, type Heat, type HeatKey } from "./heat";

export interface HeatPicture {
  readonly canvas: HTMLCanvasElement;
  /** Draws what is new. */
  update(key: HeatKey, columns: readonly FlowColumn[], width: number): void;
}

export function createHeatPicture(): HeatPicture {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 0;
  let shown: Heat | undefined;
  let pixels: Uint32Array[] = [];
  return {
    canvas,
    update(key, columns, width) {
      const heat: Heat = { key, columns };
      const wide = Math.max(1, Math.round(width));
      const first = firstNewColumn(shown, heat);
      if (
        first === columns.length &&
        first === pixels.length &&
        first > 0 &&
        canvas.width === wide &&
        canvas.height === key.layers
      )
        return;
      pixels = pixels.slice(0, first);
      for (let i = first; i < columns.length; i++) pixels.push(columnPixels(columns[i], key));
      shown = heat;
      draw(canvas, pixels, columnEdges(columns), wide, key.layers);
    },
  };
}

/** Every column moves to the left as the run goes on, so the picture is put together anew; its colours are not. */
function draw(
  canvas: HTMLCanvasElement,
  pixels: readonly Uint32Array[],
  edges: Float64Array,
  width: number,
  height: number,
): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context || height === 0) return;
  const image = context.createImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  pixels.forEach((column, i) => {
    const from = Math.floor(edges[i] * width);
    const to = Math.max(Math.ceil(edges[i + 1] * width), from + 1);
    for (let layer = 0; layer < height; layer++) {
      const start = layer * width;
      words.fill(column[layer], start + from, start + Math.min(to, width));
    }
  });
  context.putImageData(image, 0, 0);
}
