/** gzip (RFC 1952) around DEFLATE, with every claim of the file checked before memory is taken for it. */

import { gzipSync, inflateSync } from "fflate";
import { fetchAgain, FormatError } from "./error";

/** Most bytes that a gzip file may unfold to: 1 GiB. */
const maximumSize = 2 ** 30;

/** DEFLATE's best case: 258 bytes from two bits. A larger promise is a lie, whatever the file holds. */
const maximumRatio = 1032;

const trailerSize = 8;

/** Whether the bytes begin as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Compresses to one gzip member without name or date, so that equal input gives equal output. */
export function gzip(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes, { level: 9, mtime: 0 });
}

/**
 * Unfolds a gzip file of one member and verifies its length and checksum.
 * @param file name for messages
 * @throws FormatError when it is no gzip file, damaged, truncated, or would unfold beyond 1 GiB.
 */
export function gunzip(bytes: Uint8Array, file = "data.gz"): Uint8Array {
  const start = headerSize(bytes, file);
  const end = bytes.length - trailerSize;
  if (end < start) throw truncated(file, bytes.length);
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + end, trailerSize);
  const checksum = trailer.getUint32(0, true);
  const size = trailer.getUint32(4, true);
  if (size > maximumSize || size > maximumRatio * (end - start)) {
    throw new FormatError(
      file,
      { byte: end + 4 },
      `the gzip trailer promises ${size} bytes from ${end - start} compressed ones`,
      size > maximumSize
        ? `Unpack the file yourself: more than ${maximumSize} bytes are not unpacked here`
        : fetchAgain,
    );
  }
  const data = inflate(bytes.subarray(start, end), size, file, start);
  if (data.length !== size || crc32(data) !== checksum) {
    throw new FormatError(
      file,
      { byte: end },
      "the unpacked data do not have the length and checksum that the gzip trailer promises",
      `${fetchAgain}; a gzip file of several joined members must be unpacked first`,
    );
  }
  return data;
}

function inflate(compressed: Uint8Array, size: number, file: string, start: number): Uint8Array {
  try {
    return inflateSync(compressed, { out: new Uint8Array(size) });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FormatError(file, { byte: start }, `the compressed data cannot be unpacked (${reason})`, fetchAgain);
  }
}

/** Length of the member's header: ten bytes and the optional fields that its flags announce. */
function headerSize(bytes: Uint8Array, file: string): number {
  if (!isGzip(bytes)) {
    throw new FormatError(file, { byte: 0 }, "this is no gzip file (it does not begin with 1f 8b)", "Check the name");
  }
  if (bytes.length < 10) throw truncated(file, bytes.length);
  const flags = bytes[3];
  if (bytes[2] !== 8 || (flags & 0xe0) !== 0) {
    throw new FormatError(file, { byte: 2 }, "unknown gzip method or flags", fetchAgain);
  }
  let position = 10;
  if (flags & 4) {
    if (position + 2 > bytes.length) throw truncated(file, bytes.length);
    position += 2 + bytes[position] + 256 * bytes[position + 1];
  }
  // Original name and comment, each ended by a zero.
  for (let left = (flags & 8 ? 1 : 0) + (flags & 16 ? 1 : 0); left > 0; left--) {
    const zero = bytes.indexOf(0, position);
    if (zero < 0) throw truncated(file, bytes.length);
    position = zero + 1;
  }
  return flags & 2 ? position + 2 : position;
}

function truncated(file: string, size: number): FormatError {
  return new FormatError(file, { byte: size }, "the file ends inside the gzip header or trailer", fetchAgain);
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** CRC-32 of ISO 3309, as RFC 1952 section 8 gives it. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
