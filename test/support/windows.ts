/** The definitions of convolution and pooling (engine/kernel/kernel.ts) as plain loops. */
import type { ConvolutionGeometry, PoolGeometry } from "../../engine/kernel/kernel";

/** Calls `visit` with the positions in x, w and y of every product that a convolution sums. */
export function eachProduct(g: ConvolutionGeometry, visit: (x: number, w: number, y: number) => void): void {
  const inputs = g.inputChannels / g.groups;
  const outputs = g.outputChannels / g.groups;
  for (let n = 0; n < g.batch; n++)
    for (let o = 0; o < g.outputChannels; o++)
      for (let c = 0; c < inputs; c++)
        for (let oy = 0; oy < g.output[0]; oy++)
          for (let ox = 0; ox < g.output[1]; ox++)
            for (let ky = 0; ky < g.kernel[0]; ky++)
              for (let kx = 0; kx < g.kernel[1]; kx++) {
                const y = oy * g.stride[0] + ky * g.dilation[0] - g.padding[0];
                const x = ox * g.stride[1] + kx * g.dilation[1] - g.padding[1];
                if (y < 0 || x < 0 || y >= g.input[0] || x >= g.input[1]) continue;
                const channel = Math.floor(o / outputs) * inputs + c;
                visit(
                  ((n * g.inputChannels + channel) * g.input[0] + y) * g.input[1] + x,
                  ((o * inputs + c) * g.kernel[0] + ky) * g.kernel[1] + kx,
                  ((n * g.outputChannels + o) * g.output[0] + oy) * g.output[1] + ox,
                );
              }
}

/** The positions in the input of each output's window, in row-major order, padding left out. */
export function windowsOf(g: PoolGeometry): number[][] {
  const found: number[][] = [];
  for (let plane = 0; plane < g.planes; plane++)
    for (let oy = 0; oy < g.output[0]; oy++)
      for (let ox = 0; ox < g.output[1]; ox++) {
        const window: number[] = [];
        for (let ky = 0; ky < g.window[0]; ky++)
          for (let kx = 0; kx < g.window[1]; kx++) {
            const y = oy * g.stride[0] + ky * g.dilation[0] - g.padding[0];
            const x = ox * g.stride[1] + kx * g.dilation[1] - g.padding[1];
            if (y >= 0 && x >= 0 && y < g.input[0] && x < g.input[1])
              window.push((plane * g.input[0] + y) * g.input[1] + x);
          }
        found.push(window);
      }
  return found;
}
