/** What only Node can do: files by their paths. */
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Download, Source } from "./runtime.js";

/** A file to send, read from disk as it goes, and again where it has to be sent again. */
export async function openFile(path: string, about: { name?: string; mediaType?: string } = {}): Promise<Source> {
  const { size } = await stat(path);
  return { name: basename(path), ...about, content: { open: (start = 0) => createReadStream(path, { start, highWaterMark: 256 << 10 }), size } };
}

/** Writes a file to disk as it comes. */
export async function save(download: Download, path: string): Promise<Download> {
  await pipeline(Readable.from(download, { objectMode: false, highWaterMark: 256 << 10 }), createWriteStream(path));
  return download;
}
