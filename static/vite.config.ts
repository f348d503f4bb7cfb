import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** One file an entry and no shared chunks: Django adds the hashes to the names. */
const ENTRIES: Readonly<Record<string, string>> = {
  charts: "src/charts/main.ts",
  editor: "src/editor/view/main.ts",
  gallery: "src/gallery/main.ts",
  endpoint: "src/client/endpoint.ts",
  live: "src/live/main.ts",
  run: "src/run/main.ts",
  shell: "src/shell/main.ts",
  tiles: "src/editor/view/tiledPicture.ts",
  trial: "src/trial/main.ts",
  upload: "src/upload/main.ts",
  wall: "src/wall/main.ts",
};

export default defineConfig(({ mode }) => ({
  build: {
    outDir: "dist",
    emptyOutDir: false,
    target: "es2023",
    sourcemap: false,
    rolldownOptions: {
      input: fileURLToPath(new URL(ENTRIES[mode] ?? "src/editor/view/main.ts", import.meta.url)),
      preserveEntrySignatures: "strict", // endpoint.js is there to be imported
      output: { entryFileNames: `${mode}.js`, codeSplitting: false },
    },
  },
  // Builds and a hundred kills share a busy machine with whatever else runs there.
  test: { include: ["test/**/*.test.{ts,mjs}"], testTimeout: 20_000 },
}));
