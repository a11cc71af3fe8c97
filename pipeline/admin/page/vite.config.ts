// How the page is built: two documents (the page, the API's Swagger UI), relative addresses, no inline script, into
// ../static, which the wheel carries.  `npm run dev` serves the sources with hot reload and passes the API on to a
// running gateway: PIPELINE_URL, by default http://127.0.0.1:4096.

import { defineConfig } from "vite";
import react from "@vitejs/plugin-react";

declare const process: { env: Record<string, string | undefined> };

const gateway = process.env["PIPELINE_URL"] ?? "http://127.0.0.1:4096";

export default defineConfig({
  base: "./",
  plugins: [react()],
  build: {
    outDir: "../static",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      input: ["index.html", "swagger.html"],
      output: {
        // Three files of libraries, which change seldom, instead of forty; the rooms stay apart.
        codeSplitting: {
          groups: [
            { name: "libraries", test: /node_modules\/(react|react-dom|scheduler|react-router|@mantine\/(core|hooks|notifications)|@tanstack|@floating-ui|clsx)\//, priority: 3 },
            { name: "charts", test: /node_modules\/(recharts|@mantine\/charts)\//, priority: 2 },
            { name: "swagger", test: /node_modules\/swagger-ui-dist\//, priority: 1 },
          ],
        },
      },
    },
  },
  server: {
    // The session's cookie and the check of its origin see the gateway's own address.
    proxy: { "/api": { target: gateway, rewrite: (path) => `/admin${path}`, changeOrigin: true, headers: { origin: gateway } } },
  },
});
