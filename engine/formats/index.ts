/** Bytes ↔ plain arrays: IDX, NPY, CSV, safetensors. Platform-free; every malformed input is a {@link FormatError}. */

export { readCsv } from "./csv";
export type { ColumnKey, CsvLabels, CsvOptions, CsvTable, LabelColumn, MissingCell } from "./csv";
export { FormatError } from "./error";
export type { Place } from "./error";
export { gunzip, gzip, isGzip } from "./gzip";
export { readIdx, writeIdx } from "./idx";
export type { IdxDtype } from "./idx";
export { readNpy, writeNpy } from "./npy";
export type { NpyWriteOptions } from "./npy";
export { elementCount, formatShape, itemSize, plainArray, toFloat32, toFloat64, toInt32 } from "./plain";
export type { PlainArray, PlainData, PlainDtype } from "./plain";
export { readSafetensors, writeSafetensors } from "./safetensors";
export type { Safetensors } from "./safetensors";
