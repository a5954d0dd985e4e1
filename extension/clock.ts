/** When the extension's program began: imported first by main, so that activation is measured with all that it loads. */
export const began = performance.now();
