// Unpacks the Chromium inside @sparticuz/chromium next to this file, with
// nothing but Node's own Brotli, and writes a launcher `chromium` that adds
// the flags this build needs on a machine without a graphics card.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const bin = join(here, "node_modules", "@sparticuz", "chromium", "bin");
const unpack = (name) => brotliDecompressSync(readFileSync(join(bin, name)));

writeFileSync(join(here, "chromium-bin"), unpack("chromium.br"), { mode: 0o755 });
const tar = join(here, "graphics.tar");
writeFileSync(tar, unpack("swiftshader.tar.br"));
execFileSync("tar", ["xf", tar, "-C", here]);
rmSync(tar);

// The launcher comes last: it is what scripts/setup looks for.
writeFileSync(
  join(here, "chromium"),
  `#!/bin/sh
exec "$(dirname "$0")/chromium-bin" --headless=shell --no-sandbox --no-zygote --in-process-gpu \\
  --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader --disable-dev-shm-usage "$@"
`,
  { mode: 0o755 },
);
